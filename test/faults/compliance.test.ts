/**
 * Rows B1 to B3: what every server must do with every query (RFC 8906 section 8), what fits into which size, and the same
 * answer over UDP and TCP. Asked for names of each kind that we answer: from a file, from hosts, forwarded, kept.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Asked, answerTo, Fakeup } from "../support/fakeup.ts";
import { TestServer } from "../support/server.ts";
import { type DecodedReply, decodeReply, encodeQuestion, exchange, optWire } from "../support/wire.ts";
import { figure, sized } from "./figures.ts";

const SIZES = [1, 200, 420, 480, 512, 700, 1_150, 1_200, 1_232, 1_300, 4_000, 16_000, 50_000];
const BUFFERS = [undefined, 0, 511, 512, 1_231, 1_232, 1_233, 4_096, 65_535];
const REPLY_MS = 2_000;

let upstream: Fakeup;
let server: TestServer;

/** Records whose data are together about `size` bytes. */
const textsOf = (size: number): string[] =>
  Array.from({ length: Math.ceil(size / 100) }, (_, i) => `"${String(i).padStart(Math.min(size, 99), "x")}"`);

const lines = [
  "@ 60 IN SOA ns host 1 60 60 60 60",
  "@ 60 IN NS ns",
  "www 60 IN A 192.0.2.1",
  "host* 60 IN A 192.0.2.2",
  ...SIZES.flatMap((size) => textsOf(size).map((text) => `s${size} 60 IN TXT ${text}`)),
  ...Array.from({ length: 5_000 }, (_, i) => `n${i} 60 IN A 10.1.${i >> 8}.${i & 255}`),
];

/** An honest server: an address for each name, texts of the size that a name asks for, an OPT record for an OPT record. */
function honest(asked: Asked): void {
  const [name = "", type = ""] = asked.ask.toLowerCase().split(" ");
  const answers: Record<string, readonly string[]> = {
    a: [". 60 IN A 192.0.2.1"],
    soa: [". 60 IN SOA ns.test. host.test. 1 60 60 60 60"],
    txt: textsOf(Number(/^s(\d+)\./.exec(name)?.[1] ?? 0)).map((text) => `. 60 IN TXT ${text}`),
  };
  const opt = asked.bytes.readUInt16BE(10) > 0 ? { opt: optWire({ size: 1232 }) } : {};
  const message = answerTo(asked, { answer: answers[type] ?? [], pointers: true, ...opt });
  const cut = asked.over === "udp" && message.length > 512;
  asked.send(cut ? answerTo(asked, { flags: 0x0280, ...opt }) : message);
}

before(async () => {
  upstream = await Fakeup.start(honest);
  const entries = Array.from({ length: 5_000 }, (_, i) => `10.2.${i >> 8}.${i & 255} n${i}.hosts.test`).join("\n");
  server = await TestServer.start({
    corefile: `file.test:{PORT} {
  multisocket 2
  file zone.db
}
hosts.test:{PORT} {
  hosts entries
}
forward.test:{PORT} {
  forward . ${upstream.to}
}
kept.test:{PORT} {
  cache 3600
  forward . ${upstream.to}
}
small.test:{PORT} {
  bufsize 1232
  file zone.db
}
`,
    files: {
      "zone.db": `${lines.join("\n").replace("host* ", "host ")}\n`,
      entries: `192.0.2.1 www.hosts.test\n${entries}\n`,
    },
  });
});

after(async () => {
  assert.equal(await server?.stop(), 0);
  await upstream?.stop();
  assert.deepEqual(
    server.lines.filter((line) => /died|panic/.test(line)),
    [],
  );
});

const edns = (size = 1232) => ({ size });
const unknownOption = "100 0102";
const badVersion = { rcode: "BADVERS", empty: true };

interface Row {
  readonly section: string;
  readonly ask?: string;
  readonly flags?: string;
  readonly opcode?: number;
  readonly over?: "udp" | "tcp";
  readonly edns?: { size?: number; do?: boolean; version?: number; options?: string[] };
  /** Bits beside DO. */
  readonly ednsFlags?: number;
  readonly rcode?: string;
  readonly empty?: boolean;
}

const rfc8906: readonly Row[] = [
  { section: "8.1.1", ask: "SOA", flags: "" },
  { section: "8.1.2", ask: "TYPE1000", flags: "", empty: true },
  { section: "8.1.3.1", ask: "SOA", flags: "cd" },
  { section: "8.1.3.2", ask: "SOA", flags: "ad" },
  { section: "8.1.3.3", ask: "SOA", flags: "z" },
  { section: "8.1.3.4", ask: "SOA", flags: "rd" },
  { section: "8.1.4", opcode: 15, ask: "SOA", flags: "", rcode: "NOTIMP", empty: true },
  { section: "8.1.5", ask: "SOA", flags: "", over: "tcp" },
  { section: "8.2.1", ask: "SOA", flags: "", edns: edns() },
  { section: "8.2.2", ask: "SOA", flags: "", edns: { version: 1 }, ...badVersion },
  { section: "8.2.3", ask: "SOA", flags: "", edns: { options: [unknownOption] } },
  { section: "8.2.4", ask: "SOA", flags: "", edns: edns(), ednsFlags: 0x0040 },
  { section: "8.2.5", ask: "SOA", flags: "", edns: { version: 1 }, ednsFlags: 0x0040, ...badVersion },
  { section: "8.2.6", ask: "SOA", flags: "", edns: { version: 1, options: [unknownOption] }, ...badVersion },
  { section: "8.2.7", ask: "DNSKEY", flags: "", edns: { size: 512, do: true }, empty: true },
  { section: "8.2.8", ask: "SOA", flags: "", edns: { do: true } },
  { section: "8.2.9", ask: "SOA", flags: "", edns: { version: 1, do: true }, ...badVersion },
  {
    section: "8.2.10",
    ask: "SOA",
    flags: "",
    edns: { options: ["3", "10 0102030405060708", "8 00011800c00002", "9"] },
  },
];

async function send(row: Row, name: string): Promise<DecodedReply | undefined> {
  const message = encodeQuestion({ ...row, ask: `${name} ${row.ask}` });
  if (row.ednsFlags !== undefined) {
    const options = optWire(row.edns!).length - 11;
    message.writeUInt16BE(
      message.readUInt16BE(message.length - options - 4) | row.ednsFlags,
      message.length - options - 4,
    );
  }
  const bytes = await exchange(message, server.port, { over: row.over ?? "udp" }, REPLY_MS);
  return bytes && decodeReply(bytes);
}

for (const { kind, name, soa } of [
  { kind: "file", name: "file.test.", soa: 1 },
  // Names of hosts have no SOA record, so the answer is empty.
  { kind: "hosts", name: "www.hosts.test.", soa: 0 },
  { kind: "forwarded", name: "www.forward.test.", soa: 1 },
  { kind: "kept", name: "www.kept.test.", soa: 1 },
]) {
  test(`B1: RFC 8906 section 8 for names from ${kind}`, async () => {
    let right = 0;
    for (const row of rfc8906) {
      if (kind === "kept") await send(row, name);
      const reply = await send(row, name);
      const what = `${row.section} ${kind}`;
      assert.ok(reply, `${what}: no reply`);
      const isHosts = kind === "hosts" && row.rcode === undefined;
      if (!isHosts) assert.equal(reply.rcode, row.rcode ?? "NOERROR", what);
      assert.equal(reply.opcode, row.opcode ?? 0, what);
      assert.equal(/\bz\b/.test(reply.flags), false, `${what}: Z is set`);
      assert.equal(reply.answer.length, row.empty ? 0 : soa, what);
      assert.equal(reply.opt !== undefined, row.edns !== undefined, `${what}: OPT for OPT`);
      if (reply.opt) {
        assert.equal(reply.opt.version, 0, what);
        // RFC 3225 section 3. BADVERS says nothing of what the other version meant.
        const dnssecOk = row.rcode !== "BADVERS" && (row.edns?.do ?? false);
        assert.equal(reply.opt.do, dnssecOk, `${what}: DO`);
        assert.equal(
          reply.opt.options.some((option) => option.startsWith("100 ")),
          false,
          `${what}: an echo`,
        );
        const at = reply.bytes.lastIndexOf(Buffer.of(0, 0, 41));
        assert.equal(reply.bytes.readUInt16BE(at + 7) & 0x7fff, 0, `${what}: unknown flags come back`);
      }
      right++;
    }
    figure({ row: "B1", what: `${kind}: of ${rfc8906.length} cases right`, value: right, atLeast: rfc8906.length });
  });
}

test("B2: answers of every size for clients of every size", async () => {
  let [oversize, missingTc, needlessTc, withoutOpt, short, cases] = [0, 0, 0, 0, 0, 0];
  for (const zone of ["file.test", "forward.test", "kept.test", "small.test"]) {
    for (const size of SIZES) {
      const ask = `s${size}.${zone}. TXT`;
      const whole = await server.ask({ ask, over: "tcp", edns: edns() });
      const count = textsOf(size).length;
      if (whole?.answer.length !== count || whole.flags.includes("tc")) short++;
      for (const buffer of BUFFERS) {
        cases++;
        const reply = await server.ask({ ask, ...(buffer === undefined ? {} : { edns: edns(buffer) }) });
        assert.ok(reply, `${ask} ${buffer}: no reply`);
        const client = Math.max(512, buffer ?? 512);
        if (reply.bytes.length > (zone === "small.test" ? Math.min(client, 1_232) : client)) oversize++;
        const isCut = reply.answer.length < count;
        if (isCut && !reply.flags.includes("tc")) missingTc++;
        if (!isCut && reply.flags.includes("tc")) needlessTc++;
        if ((reply.opt !== undefined) !== (buffer !== undefined)) withoutOpt++;
      }
    }
  }
  figure({ row: "B2", what: "cases", value: cases, atLeast: 4 * SIZES.length * BUFFERS.length });
  figure({ row: "B2", what: "too large", value: oversize, atMost: 0 });
  figure({ row: "B2", what: "cut without TC", value: missingTc, atMost: 0 });
  figure({ row: "B2", what: "TC without a cut", value: needlessTc, atMost: 0 });
  figure({ row: "B2", what: "OPT lost", value: withoutOpt, atMost: 0 });
  figure({ row: "B2", what: "not whole over TCP", value: short, atMost: 0 });
});

test("B3: the same over UDP and TCP", { timeout: 120_000 }, async () => {
  const names = sized(150, 1_250);
  const asks = ["file.test", "hosts.test", "forward.test", "kept.test"].flatMap((zone) =>
    Array.from({ length: names }, (_, i) => `n${i * Math.floor(5_000 / names)}.${zone}. ${["A", "AAAA", "MX"][i % 3]}`),
  );
  let different = 0;
  const essence = (reply: DecodedReply | undefined) =>
    reply && JSON.stringify([reply.rcode, reply.flags, reply.question, reply.answer, reply.authority, reply.opt]);
  const next = asks.values();
  const worker = async (): Promise<void> => {
    for (const ask of next) {
      const udp = await server.ask({ ask, edns: edns() });
      const tcp = await server.ask({ ask, edns: edns(), over: "tcp" });
      if (udp === undefined || essence(udp) !== essence(tcp)) different++;
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  figure({ row: "B3", what: "names", value: asks.length, atLeast: 4 * names });
  figure({ row: "B3", what: "different", value: different, atMost: 0 });
});
