/**
 * The data of a template, with the names that CoreDNS's has: the dot, and behind `.Message` and `.Question` the fields and
 * methods of the DNS library that its users' templates name. Values are made when a template asks for them.
 */
import { Flag, OPCODE_SHIFT, OPT_RECORD_SIZE } from "../../dns/header.ts";
import { nameToText } from "../../dns/name-text.ts";
import { Class, className, opcodeName, rcodeName, typeName } from "../../dns/types.ts";
import { requestLength } from "../../dns/uncompressed-length.ts";
import { encode } from "../../expression/builtins.ts";
import type { ServeContext } from "../../plugin/context.ts";
import type { Query } from "../../plugin/query.ts";
import { Method, type Struct, type Value } from "../../template/value.ts";
import { formatAddress } from "../../transport/packets.ts";

/** A query that a stanza is for: what its templates work on. */
export interface Fit {
  readonly match: Match;
  readonly variables: ReadonlyMap<string, Value>;
}

export interface Match {
  readonly regex: string;
  readonly groups: readonly string[];
  /** By number and by name. */
  readonly named: ReadonlyMap<string, string>;
}

/** The dot of a stanza's templates. `type` is the stanza's, and the query's where that is ANY. */
export function dataOf(
  query: Query,
  zone: string,
  type: number,
  { match, variables }: Fit,
  metadata: ServeContext["metadata"],
): Struct {
  return struct("*template.templateData", {
    Zone: () => zone,
    Name: () => nameToText(query.name.bytes),
    Regex: () => match.regex,
    Match: () => match.groups,
    Group: () => match.named,
    Class: () => classText(query.class),
    Type: () => typeText(type),
    Message: () => messageOf(query),
    Question: () => questionOf(query),
    Remote: () => formatAddress(query.peers, query.peerIndex),
    Var: () => encode(variables),
    Meta: () => new Method("Meta", ["string"], (label: string) => metadata(query, label) ?? ""),
  });
}

/** As in CoreDNS a class or a type without a name is nothing; and so all of them share a label of the metrics. */
export function classText(klass: number): string {
  return klass === Class.ANY ? "ANY" : className(klass).replace(/^CLASS\d+$/, "");
}

export function typeText(type: number): string {
  return typeName(type).replace(/^TYPE\d+$/, "");
}

type Members = Readonly<Record<string, () => Value | Method>>;

function struct(name: string, members: Members, text?: () => string): Struct {
  return {
    typeName: name,
    has: (member) => Object.hasOwn(members, member),
    member: (member) => members[member]!(),
    toText: text ?? (() => `{${Object.keys(members).join(" ")}}`),
  };
}

function method(name: string, run: () => Value): () => Method {
  const made = new Method(name, [], run);
  return () => made;
}

/** As the client wrote it, unless a plugin asks for another name. */
function questionName(query: Query): string {
  const written = nameToText(query.questionName);
  const asked = nameToText(query.name.bytes);
  return written.toLowerCase() === asked ? written : asked;
}

function questionText(query: Query): string {
  return `;${questionName(query)}\t${className(query.class)}\t ${typeName(query.type)}`;
}

function questionOf(query: Query, type = "*dns.Question", text = () => questionText(query)): Struct {
  return struct(
    type,
    {
      Name: () => questionName(query),
      Qtype: () => BigInt(query.type),
      Qclass: () => BigInt(query.class),
      String: method("String", () => questionText(query)),
    },
    text,
  );
}

const FLAG_FIELDS: Readonly<Record<string, number>> = {
  Response: Flag.QR,
  Authoritative: Flag.AA,
  Truncated: Flag.TC,
  RecursionDesired: Flag.RD,
  RecursionAvailable: Flag.RA,
  Zero: Flag.Z,
  AuthenticatedData: Flag.AD,
  CheckingDisabled: Flag.CD,
};

function messageOf(query: Query): Struct {
  const { flags } = query;
  const opt = query.hasOpt ? optOf(query) : undefined;
  const header: Members = {
    Id: () => BigInt(query.id),
    Opcode: () => BigInt((flags & Flag.OPCODE) >> OPCODE_SHIFT),
    Rcode: () => BigInt(flags & Flag.RCODE),
    ...Object.fromEntries(Object.entries(FLAG_FIELDS).map(([name, bit]) => [name, () => (flags & bit) !== 0])),
  };
  const plain = () => `{${questionName(query)} ${query.type} ${query.class}}`;
  return struct(
    "*dns.Msg",
    {
      ...header,
      MsgHdr: () => struct("dns.MsgHdr", header, () => headerText(query)),
      Compress: () => false,
      Question: () => [questionOf(query, "dns.Question", plain)],
      Answer: () => [],
      Ns: () => [],
      Extra: () => (opt === undefined ? [] : [opt]),
      IsEdns0: method("IsEdns0", () => opt ?? NO_OPT),
      Len: method("Len", () => BigInt(requestLength(query))),
      String: method("String", () => messageText(query)),
    },
    () => messageText(query),
  );
}

const NO_OPT: Struct = {
  typeName: "*dns.OPT",
  isNil: true,
  has: () => false,
  member: () => undefined,
  toText: () => "<nil>",
};

function optOf(query: Query): Struct {
  const { bytes, start, optOffset } = query;
  const word = (at: number) => ((bytes[start + optOffset + at]! << 8) | bytes[start + optOffset + at + 1]!) >>> 0;
  const ttl = (word(5) * 0x10000 + word(7)) >>> 0;
  const headerMembers: Members = {
    Name: () => ".",
    Rrtype: () => 41n,
    Class: () => BigInt(query.udpSize),
    Ttl: () => BigInt(ttl),
    Rdlength: () => BigInt(query.optionsLength),
  };
  const header = struct("*dns.RR_Header", headerMembers);
  const text = () => optText(query);
  return struct(
    "*dns.OPT",
    {
      Hdr: () => header,
      Header: method("Header", () => header),
      UDPSize: method("UDPSize", () => BigInt(query.udpSize)),
      Version: method("Version", () => BigInt(query.ednsVersion)),
      Do: method("Do", () => query.dnssecOk),
      Option: () => optionsOf(query),
      String: method("String", text),
    },
    text,
  );
}

/** Code and data of each option; the data in hexadecimal digits. */
function optionsOf(query: Query): Struct[] {
  const { bytes, start, optOffset, optionsLength } = query;
  const options: Struct[] = [];
  const end = start + optOffset + OPT_RECORD_SIZE + optionsLength;
  for (let at = start + optOffset + OPT_RECORD_SIZE; at + 4 <= end; ) {
    const code = (bytes[at]! << 8) | bytes[at + 1]!;
    const size = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    const digits = Buffer.from(bytes.subarray(at + 4, at + 4 + size)).toString("hex");
    const members: Members = {
      Option: method("Option", () => BigInt(code)),
      Code: () => BigInt(code),
      String: method("String", () => digits),
    };
    options.push(struct("*dns.EDNS0_LOCAL", members, () => digits));
    at += 4 + size;
  }
  return options;
}

const FLAG_NAMES: readonly (readonly [string, number])[] = [
  ["qr", Flag.QR],
  ["aa", Flag.AA],
  ["tc", Flag.TC],
  ["rd", Flag.RD],
  ["ra", Flag.RA],
  ["z", Flag.Z],
  ["ad", Flag.AD],
  ["cd", Flag.CD],
];

function headerText(query: Query): string {
  const { flags, id } = query;
  const names = FLAG_NAMES.filter(([, bit]) => (flags & bit) !== 0).map(([name]) => ` ${name}`);
  const rcode = rcodeName(flags & Flag.RCODE);
  const opcode = opcodeName((flags & Flag.OPCODE) >> OPCODE_SHIFT);
  return `;; opcode: ${opcode}, status: ${rcode}, id: ${id}\n;; flags:${names.join("")};`;
}

function optText(query: Query): string {
  const flags = query.dnssecOk ? " do" : "";
  const options = optionsOf(query).map((option) => `\n; LOCAL OPT: ${option.toText()}`);
  const head = `; EDNS: version ${query.ednsVersion}; flags:${flags}; udp: ${query.udpSize}`;
  return `\n;; OPT PSEUDOSECTION:\n${head}${options.join("")}`;
}

/** As dig shows it, more or less. */
function messageText(query: Query): string {
  const counts = `QUERY: 1, ANSWER: 0, AUTHORITY: 0, ADDITIONAL: ${query.hasOpt ? 1 : 0}`;
  const opt = query.hasOpt ? `${optText(query)}\n` : "";
  return `${headerText(query)} ${counts}\n${opt}\n;; QUESTION SECTION:\n${questionText(query)}\n`;
}
