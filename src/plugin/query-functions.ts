/** What expressions of `template` may ask of a query: `client_ip()`, `type()`, `incidr(client_ip(), '10.0.0.0/8')` ... */
import { isMapped, parseIpv4, parseIpv6 } from "../dns/address.ts";
import { nameToText } from "../dns/name-text.ts";
import { className, typeName } from "../dns/types.ts";
import { requestLength } from "../dns/uncompressed-length.ts";
import type { Scope } from "../expression/scope.ts";
import { BOOL, type FunctionType, functionOf, INT, STRING } from "../expression/types.ts";
import { Failure, type Value } from "../template/value.ts";
import { formatAddress, readPort } from "../transport/packets.ts";
import { hasAddress, packNetworks, parseNetwork } from "./network-set.ts";
import { protocolOf, type Query, serverAddressOf } from "./query.ts";
import { compileRegex } from "./regex.ts";

type Metadata = (query: Query, label: string) => string | undefined;

interface QueryFunction {
  readonly type: FunctionType;
  readonly run: (query: Query, args: readonly string[], metadata: Metadata) => Value;
}

const text = functionOf([], STRING);
const number = functionOf([], INT);

const FUNCTIONS: ReadonlyMap<string, QueryFunction> = new Map<string, QueryFunction>([
  ["bufsize", { type: number, run: (query) => BigInt(query.bufsize) }],
  ["class", { type: text, run: (query) => className(query.class) }],
  ["client_ip", { type: text, run: ({ peers, peerIndex }) => formatAddress(peers, peerIndex) }],
  ["do", { type: functionOf([], BOOL), run: (query) => query.dnssecOk }],
  ["id", { type: number, run: (query) => BigInt(query.id) }],
  ["incidr", { type: functionOf([STRING, STRING], BOOL), run: (_, [address, network]) => isIn(address!, network!) }],
  [
    "metadata",
    { type: functionOf([STRING], STRING), run: (query, [label], metadata) => metadata(query, label!) ?? "" },
  ],
  ["name", { type: text, run: (query) => nameToText(query.name.bytes) }],
  ["opcode", { type: number, run: (query) => BigInt(query.opcode) }],
  ["port", { type: text, run: ({ peers, peerIndex }) => String(readPort(peers, peerIndex)) }],
  ["proto", { type: text, run: protocolOf }],
  ["server_ip", { type: text, run: serverAddressOf }],
  ["server_port", { type: text, run: (query) => String(query.localPort) }],
  ["size", { type: number, run: (query) => BigInt(requestLength(query)) }],
  ["type", { type: text, run: (query) => typeName(query.type) }],
]);

/** What every expression over queries sees. A host adds its own functions and values. */
export const QUERY_SCOPE: Scope = {
  functions: new Map([...FUNCTIONS].map(([name, { type }]) => [name, type])),
  values: new Map(),
  regex: (pattern) => {
    const regex = compileRegex(pattern);
    return { test: (subject) => regex.matcher(subject).find() };
  },
};

/** The value of one of the functions above. Throws a Failure when it has none. */
export function callQueryFunction(query: Query, name: string, args: readonly Value[], metadata: Metadata): Value {
  const called = FUNCTIONS.get(name);
  if (called === undefined) throw new Failure(`unknown function ${name}`);
  return called.run(query, args as readonly string[], metadata);
}

function isIn(address: string, cidr: string): boolean {
  const bytes = new Uint8Array(16);
  const isIPv4 = parseIpv4(address, bytes, 0);
  if (!isIPv4 && !parseIpv6(address, bytes, 0)) throw new Failure("first argument is not an IP address");
  const network = parseNetwork(cidr);
  if (network === undefined) throw new Failure(`invalid CIDR address: ${cidr}`);
  // An IPv4 address in its IPv6 form is the same address.
  const mapped = !isIPv4 && isMapped(bytes, 0);
  return hasAddress(packNetworks([network]), bytes, mapped ? 12 : 0, isIPv4 || mapped ? 4 : 6);
}
