/** proxyproto: its header, byte by byte and at random, and the table of sessions. What headers mean is compared in parity. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { randomKey } from "../../src/memory/keyed-hash.ts";
import { type ClientReader, ProxiedClient } from "../../src/plugin/client-reader.ts";
import type { ServeContext } from "../../src/plugin/context.ts";
import { copyExtras, ProxyHeader } from "../../src/plugins/proxyproto/header.ts";
import { type ProxyConfig, proxyproto } from "../../src/plugins/proxyproto/index.ts";
import { serve } from "../../src/plugins/proxyproto/serve.ts";
import { Sessions } from "../../src/plugins/proxyproto/sessions.ts";
import { ADDRESS_SIZE, formatAddress, readPort, writeAddress } from "../../src/transport/packets.ts";
import { Preface } from "../../src/transport/preface.ts";
import { randomFrom } from "../faults/mutate.ts";
import { parseBlock } from "../support/chain.ts";
import { binaryHeader, IPV6_ENDS, TEXT_IPV4, textHeader } from "../support/proxy-header.ts";

const MESSAGE = Buffer.from("000c123401000001000000000000", "hex");

for (const { name, digits } of [
  { name: "version 1", digits: TEXT_IPV4 },
  { name: "version 1, UNKNOWN", digits: textHeader("PROXY UNKNOWN") },
  { name: "version 2", digits: binaryHeader() },
  { name: "version 2, IPv6", digits: binaryHeader({ family: "21", rest: IPV6_ENDS }) },
  { name: "version 2, LOCAL", digits: binaryHeader({ command: "20", family: "00", rest: "" }) },
]) {
  test(`proxyproto: a header may come a byte at a time: ${name}`, () => {
    const header = new ProxyHeader();
    const bytes = Buffer.concat([MESSAGE, Buffer.from(digits, "hex"), MESSAGE]);
    const start = MESSAGE.length;
    const length = digits.length / 2;
    for (let size = 0; size < length; size++)
      assert.equal(header.read(bytes, start, start + size), Preface.INCOMPLETE, `${size}`);
    assert.equal(header.read(bytes, start, start + length), length);
    assert.equal(header.read(bytes, start, bytes.length), length);
    assert.equal(header.read(bytes, 0, MESSAGE.length), Preface.NONE);
  });
}

test("proxyproto: whatever the bytes are, a header is read, or it is not", () => {
  const header = new ProxyHeader();
  const whole = [TEXT_IPV4, binaryHeader(), binaryHeader({ rest: IPV6_ENDS, family: "22" })].map((digits) =>
    Buffer.from(digits, "hex"),
  );
  const next = randomFrom(1);
  const random = (below: number) => next() % below;
  const seen = new Set<number>();
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(whole[round % whole.length]!);
    for (let change = random(4); change >= 0; change--) bytes[random(bytes.length)] = random(256);
    const length = header.read(bytes, 0, random(bytes.length + 1));
    assert.ok(length <= bytes.length && length >= Preface.WRONG);
    seen.add(Math.sign(length) * Math.min(Math.abs(length), 3));
    if (length > 0) copyExtras(bytes, header.extrasStart, header.extrasEnd);
  }
  assert.deepEqual([...seen].sort(), [Preface.NONE, 3, Preface.WRONG, Preface.INCOMPLETE].sort());
});

for (const { address, proxy } of [
  { address: Uint8Array.of(192, 0, 2, 1), proxy: "192.0.2.1:53" },
  { address: Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), proxy: "[2001:db8::1]:53" },
]) {
  test(`proxyproto: the log names the proxy of a header that is wrong: ${proxy}`, () => {
    const readers: ClientReader[] = [];
    const lines: string[] = [];
    const { config } = parseBlock([proxyproto], ". {\nproxyproto\n}").elements[0]!;
    const context = {
      counter: () => {},
      onPublished: () => {},
      readClients: (one: ClientReader) => readers.push(one),
      log: { warning: (line: string) => lines.push(line) },
    };
    serve(config as ProxyConfig, context as unknown as ServeContext);
    const peers = new Uint8Array(ADDRESS_SIZE);
    writeAddress(peers, 0, address, 53);
    const bytes = Buffer.from(TEXT_IPV4, "hex");
    assert.equal(readers[0]!.readDatagram(bytes, 0, bytes.length, peers, 0, new ProxiedClient()), Preface.WRONG);
    const problem = "unsupported Proxy Protocol version 1 (only v2 supported for UDP)";
    const start = `dropping invalid Proxy Protocol packet from ${proxy}`;
    assert.deepEqual(lines, [`${start} (${bytes.length} bytes): ${problem}`]);
  });
}

const records = new Uint8Array(3 * ADDRESS_SIZE);
for (let i = 0; i < 3; i++) writeAddress(records, i, Uint8Array.of(198, 51, 100, 1), 1_000 + i);

function clientAt(last: number, extras?: Uint8Array): ProxiedClient {
  const client = new ProxiedClient();
  writeAddress(client.record, 0, Uint8Array.of(192, 0, 2, last), 4_000 + last);
  client.isKnown = true;
  client.extras = extras;
  return client;
}

function recalled(sessions: Sessions, index: number, now: number, expires = now + 10): string {
  const client = new ProxiedClient();
  sessions.recall(records, index, client, now, expires);
  if (!client.isKnown) return "nobody";
  const extras = client.extras === undefined ? "" : ` ${Buffer.from(client.extras).toString("hex")}`;
  return `${formatAddress(client.record, 0)} ${readPort(client.record, 0)}${extras}`;
}

test("proxyproto: a session holds for its port, for all workers, until nothing has come for its time", () => {
  const shared = Sessions.allocate(100, true, randomKey());
  const [one, other] = [new Sessions(shared), new Sessions(shared)];
  one.keep(records, 0, clientAt(7, Uint8Array.of(0xe0, 0, 0)), 100, 110);
  assert.equal(recalled(other, 0, 105, 115), "192.0.2.7 4007 e00000");
  assert.equal(recalled(other, 1, 105), "nobody");
  assert.equal(recalled(one, 0, 112, 120), "192.0.2.7 4007 e00000");
  other.keep(records, 0, clientAt(8), 113, 123);
  assert.equal(recalled(one, 0, 114, 124), "192.0.2.8 4008");
  assert.equal(recalled(one, 0, 124), "nobody");
});

test("proxyproto: of more sessions than there is room for, those that were silent for longest are forgotten", () => {
  const sessions = new Sessions(Sessions.allocate(2, false, randomKey()));
  for (let i = 0; i < 2; i++) sessions.keep(records, i, clientAt(i), i, 100 + i);
  assert.equal(recalled(sessions, 0, 2, 102), "192.0.2.0 4000");
  sessions.keep(records, 2, clientAt(2), 3, 103);
  assert.deepEqual(
    [0, 1, 2].map((i) => recalled(sessions, i, 4)),
    ["192.0.2.0 4000", "nobody", "192.0.2.2 4002"],
  );
});

test("proxyproto: a session whose writer has died is nobody's, and is used again when its time is over", () => {
  const shared = Sessions.allocate(1, false, randomKey());
  const sessions = new Sessions(shared);
  sessions.keep(records, 0, clientAt(1), 0, 10);
  new Int32Array(shared.buffer)[2]! |= 1;
  assert.equal(recalled(sessions, 0, 5), "nobody");
  sessions.keep(records, 0, clientAt(2), 5, 15);
  assert.equal(recalled(sessions, 0, 6), "nobody");
  sessions.keep(records, 0, clientAt(3), 11, 21);
  assert.equal(recalled(sessions, 0, 12), "192.0.2.3 4003");
});
