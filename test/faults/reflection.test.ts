/**
 * Rows I3 and I4 against the whole server: who forges addresses gets no more bytes sent to his victim than he sends himself,
 * and clients that show a cookie are served nevertheless.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { scrape } from "../../bench/load/metrics.ts";
import { askAll, type Fate, type SentQuery } from "../support/crowd.ts";
import { TestServer } from "../support/server.ts";
import { decodeReply, encodeQuestion } from "../support/wire.ts";
import { figure, sized } from "./figures.ts";

const RATE = 5_000;
const QUERIES = RATE * sized(4, 60);
/** The victim's network. */
const VICTIMS = Array.from({ length: 100 }, (_, i) => `127.9.9.${1 + i}`);
const SECRET = "e5e973e5a6b2a43f48e7dc849e37bfcf";

const keys = Array.from({ length: 4 }, (_, i) => `@ IN DNSKEY 257 3 8 ${Buffer.alloc(256, i).toString("base64")}`);
const texts = Array.from({ length: 12 }, (_, i) => `@ IN TXT "${`${i} `.padEnd(200, "x")}"`);
const zone = ["$TTL 60", "@ IN SOA ns host 1 2 3 4 5", "@ IN NS ns", "ns IN A 192.0.2.1", ...keys, ...texts, ""].join(
  "\n",
);

const corefileWith = (more: string) => `example.org:{PORT} {
  multisocket 2
  any
  ${more}
  file {DIR}/example.org.db
}
`;
const limited = corefileWith(`cookie {
    secret ${SECRET}
  }
  rrl {
    responses-per-second 10
    slip-ratio 2
  }`);

async function start(t: { after(run: () => unknown): void }, corefile: string): Promise<TestServer> {
  const server = await TestServer.start({ corefile, files: { "example.org.db": zone } });
  t.after(async () => assert.equal(await server.stop(), 0));
  return server;
}

/** Small questions for what is large. Names that are not there, too: each is another one. */
function forged(count: number): SentQuery[] {
  const asks = (i: number) =>
    [`example.org. ANY`, `example.org. DNSKEY`, `example.org. TXT`, `n${i}.example.org. A`][i % 4]!;
  return Array.from({ length: count }, (_, i) => ({
    bytes: encodeQuestion({ ask: asks(i), edns: { size: 4_096 } }, Math.floor(i / VICTIMS.length) & 0xffff),
    from: VICTIMS[i % VICTIMS.length]!,
  }));
}

function amplification(fates: readonly Fate[]): number {
  const bytesIn = fates.reduce((sum, { query }) => sum + query.bytes.length, 0);
  const bytesOut = fates.reduce(
    (sum, { replies }) => sum + replies.reduce((all, { bytes }) => all + bytes.length, 0),
    0,
  );
  return bytesOut / bytesIn;
}

test("I3: questions in the name of a network that others flood", { timeout: 300_000 }, async (t) => {
  const [free, server] = [await start(t, corefileWith("")), await start(t, limited)];
  const without = amplification(await askAll(forged(2_000), { port: free.port, waitMs: 2_000, rate: RATE }));
  assert.ok(without > 10, `only ${without} times as much without limits: nothing is shown`);

  const honest = { ask: "example.org. TXT", edns: { size: 4_096 } };
  const over = { tcp: 0, cookie: 0, elsewhere: 0 };
  const learned = await server.ask({ ...honest, from: "127.9.9.200", edns: { options: ["10 2464c4abcf10c957"] } });
  const withCookie = { ...honest, edns: { size: 4_096, options: learned!.opt!.options } };
  const flood = askAll(forged(QUERIES), { port: server.port, waitMs: 1_000, rate: RATE });
  const probes = sized(30, 300);
  for (let i = 0; i < probes; i++) {
    const [tcp, cookie, elsewhere] = await Promise.all([
      server.ask({ ...honest, from: "127.9.9.201", over: "tcp" }),
      server.ask({ ...withCookie, from: "127.9.9.200" }),
      server.ask({ ...honest, from: "127.8.8.8" }),
    ]);
    if (tcp?.answer.length !== texts.length) over.tcp++;
    if (cookie?.answer.length !== texts.length) over.cookie++;
    if (elsewhere?.answer.length !== texts.length) over.elsewhere++;
    // One network has ten replies a second of a kind.
    await new Promise((resolve) => setTimeout(resolve, 110));
  }
  const fates = await flood;
  const truncated = fates.filter(({ replies }) => replies.some(({ bytes }) => decodeReply(bytes).flags.includes("tc")));
  assert.ok(truncated.length > QUERIES / 4, `${truncated.length} truncated replies`);
  figure({
    row: "I3",
    what: "bytes to the victim's network, to one that was sent",
    value: amplification(fates),
    unit: "×",
    atMost: 1.5,
  });
  figure({ row: "I3", what: "the same without limits", value: without, unit: "×", atLeast: 10 });
  for (const [what, value] of Object.entries(over)) {
    figure({ row: "I3", what: `probe (${what}): queries lost of ${probes}`, value, atMost: 0 });
  }
});

/** Queries whose cookie was found `status`. */
async function counted({ port2 }: TestServer, status: string): Promise<number> {
  const { text = "" } = await scrape(port2);
  const found = text.match(new RegExp(`^weftdns_cookie_queries_total\\{.*status="${status}".*\\} (\\d+)`, "m"));
  return Number(found?.[1] ?? 0);
}

test("A6: a cookie without a question is answered by a cookie, anything else without one is malformed", async (t) => {
  const server = await start(t, limited);
  const bare = (options: string, counts = "0000 0000 0000 0001", flags = "0100") => ({
    ask: "nothing",
    raw: `0000 ${flags} ${counts} 00 0029 04d0 00000000 ${(options.replaceAll(" ", "").length / 2).toString(16).padStart(4, "0")} ${options}`,
  });
  const cookie = "000a 0008 2464c4abcf10c957";
  for (const over of ["udp", "tcp"] as const) {
    const reply = await server.ask({ ...bare(cookie), over });
    assert.deepEqual([reply?.rcode, reply?.question, reply?.flags], ["NOERROR", "none", "qr rd"]);
    const given = reply!.opt!.options[0]!;
    assert.match(given, /^10 2464c4abcf10c95701000000[0-9a-f]{24}$/);
    const again = await server.ask({ ...bare(`000a 0018 ${given.slice(3)}`), over });
    assert.deepEqual(again?.opt?.options, [given]);
    for (const wrong of [
      bare("000a 0007 2464c4abcf10c9"),
      bare("0003 0000"),
      bare(""),
      bare(cookie, "0000 0001 0000 0001"),
      bare(cookie, "0000 0000 0000 0002"),
      bare(cookie, "0000 0000 0000 0001", "2100"),
    ]) {
      const refused = await server.ask({ ...wrong, over });
      assert.equal(refused?.rcode, "FORMERR");
      assert.equal(refused?.bytes.length, 12);
    }
  }
});

test("I4: two instances share a secret, and change it without a client noticing", async (t) => {
  const old = `${SECRET}\n`;
  const next = "445536bcd2513298075a5d379663c962\n";
  const corefile = corefileWith("prometheus 127.0.0.1:{PORT2}\n  cookie {\n    secret_file {DIR}/secrets 50ms\n  }");
  const files = { "example.org.db": zone, secrets: old };
  const servers = [await TestServer.start({ corefile, files }), await TestServer.start({ corefile, files })];
  t.after(async () => {
    for (const server of servers) assert.equal(await server.stop(), 0);
  });
  let cookie = "10 2464c4abcf10c957";
  let asked = 0;
  const askBoth = async () => {
    for (const server of [...servers, ...servers]) {
      const reply = await server.ask({ ask: "ns.example.org. A", edns: { options: [cookie] } });
      cookie = reply!.opt!.options[0]!;
      asked++;
    }
  };
  const statuses = async (status: string) =>
    (await Promise.all(servers.map((server) => counted(server, status)))).reduce((sum, one) => sum + one, 0);
  await askBoth();
  // RFC 9018 section 5: all know the new secret before one of them uses it, and the old one until its cookies are over.
  for (const secrets of [old + next, next + old, next]) {
    for (const server of servers) {
      const from = server.lines.length;
      server.write("secrets", secrets);
      assert.ok(await server.line(/new secrets/, from, 5_000));
      // Workers have it a moment later.
      await new Promise((resolve) => setTimeout(resolve, 100));
      await askBoth();
    }
  }
  assert.equal(await statuses("client"), 1);
  assert.equal(await statuses("good"), asked - 1);
  const refused = await statuses("bad");
  await servers[0]!.ask({ ask: "ns.example.org. A", from: "127.0.0.2", edns: { options: [cookie] } });
  assert.equal(await statuses("bad"), refused + 1, "another client's cookie");
  figure({ row: "I4", what: `good cookies refused of ${asked - 1}`, value: refused, atMost: 0 });
});
