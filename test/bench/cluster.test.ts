/** The generated cluster of the benchmark: what the load takes for a right answer, what the API server says, what counts as late. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { runChurn } from "../../bench/load/churn.ts";
import { ClusterApi } from "../../bench/load/cluster.ts";
import { generations } from "../../bench/load/cluster-objects.ts";
import { buildTools, tool } from "../../bench/load/tools.ts";
import type { Manifest } from "../support/api-objects.ts";

const directory = mkdtempSync(join(tmpdir(), "weftdns-cluster-"));
before(buildTools);
after(() => rmSync(directory, { recursive: true }));

type Page = { metadata: { continue?: string }; items: { metadata: { name: string } }[] };
type Records = { type: number; data: number[] }[];
const limit = 50;
const a = (...data: number[]) => ({ type: 1, data });
const target = (type: number, label: string) => ({
  type,
  data: [...(type === 33 ? [0, 0, 0, 100, 0, 80] : []), label.length, ...Buffer.from(label), 0],
});

const threes = ["--names", "three%d.bench.test", "--endpoints", "3"];
const services = ["--names", "_http._tcp.svc%d.bench.test", "--type", "SRV"];
/** Each question has the number 261, which is 1 x 256 + 5. */
for (const { name, options, records, wrong } of [
  { name: "three endpoints", options: threes, records: [a(10, 0, 1, 5), a(11, 0, 1, 5), a(12, 0, 1, 5)], wrong: 0 },
  { name: "in another order", options: threes, records: [a(12, 0, 1, 5), a(10, 0, 1, 5), a(11, 0, 1, 5)], wrong: 0 },
  { name: "two endpoints", options: threes, records: [a(10, 0, 1, 5), a(11, 0, 1, 5)], wrong: limit },
  { name: "one twice", options: threes, records: [a(10, 0, 1, 5), a(10, 0, 1, 5), a(12, 0, 1, 5)], wrong: limit },
  { name: "a stranger", options: threes, records: [a(10, 0, 1, 5), a(11, 0, 1, 5), a(13, 0, 1, 5)], wrong: limit },
  { name: "another's", options: threes, records: [a(10, 0, 1, 5), a(11, 0, 1, 6), a(12, 0, 1, 5)], wrong: limit },
  { name: "its target", options: services, records: [target(33, "svc261")], wrong: 0 },
  { name: "another target", options: services, records: [target(33, "svc260")], wrong: limit },
  { name: "a target with one digit more", options: services, records: [target(33, "svc1261")], wrong: limit },
])
  test(`load, cluster: ${name}`, async () => {
    const server = await responder((query) => reply(query, records));
    const result = await load(server, ["--first", "261", "--count", "1", "--addresses", ...options]);
    server.close();
    assert.deepEqual([result.received, result.wrongRecords], [limit, wrong]);
  });

for (const { label, wrong } of [
  { label: "svc261", wrong: 0 },
  { label: "svc5", wrong: limit },
])
  test(`load, cluster: the name of an address is ${label}`, async () => {
    const file = join(directory, "ptr");
    writeFileSync(file, "5.1.0.10.in-addr.arpa PTR 0 1\n");
    const server = await responder((query) => reply(query, [target(12, label)]));
    const result = await load(server, ["--file", file, "--addresses"]);
    server.close();
    assert.deepEqual([result.received, result.wrongRecords, result.unexpected], [limit, wrong, 0]);
  });

test("flood: what each kind of sender lost", async () => {
  const server = await responder((query, address) => (address.startsWith("127.1.") ? reply(query, []) : undefined));
  const pace = ["--sources", "4", "--rate", "100", "--loud", "200", "--seconds", "0.5", "--timeout", "0.2"];
  const { stdout } = await promisify(execFile)(tool("flood"), [
    ...["--port", `${server.address().port}`, "--names", "host%d.example.org", "--count", "9"],
    ...pace,
  ]);
  server.close();
  const { quiet, loud } = JSON.parse(stdout);
  assert.ok(quiet.sent > 0 && loud.sent > 0, stdout);
  assert.deepEqual([quiet.answered, loud.answered], [quiet.sent, 0]);
});

/** In this order, as names keep what was seen of them: a DNS server that knows of each change at once, never, or says another name's address. */
for (const { says, unseen, wrong } of [
  { says: "what was there at first", unseen: true, wrong: false },
  { says: "what was written", unseen: false, wrong: false },
  { says: "another's", unseen: true, wrong: true },
  { says: "what will be", unseen: true, wrong: true },
]) {
  test(`churn: an answer that says ${says}`, async () => {
    const written = new Map<string, number[]>();
    const server = await responder((query) => {
      const name = query.toString("latin1", 13, 13 + query[12]!);
      const number = written
        .get(name)!
        .slice(1)
        .reduce((sum, byte) => 256 * sum + byte, 0);
      const first = number - (number % generations);
      const wanted =
        { "what was there at first": first, "another's": number + generations, "what will be": number + 100 }[says] ??
        number;
      return reply(query, [a(128, wanted >> 16, (wanted >> 8) & 255, wanted & 255)]);
    });
    const order = { dnsPort: server.address().port, perSecond: 200, seconds: 0.5, objects: 10 };
    const counts = await runChurn(order, (manifest) => written.set(ownerOf(manifest), addressOf(manifest)));
    server.close();
    assert.equal(counts.changes, 100);
    assert.equal(counts.delaysMs.length, 20);
    assert.equal(counts.unseen, unseen ? 20 : 0);
    assert.equal(counts.wrong > 0, wrong);
    assert.ok(counts.asked >= 20);
  });
}

test("cluster server: pages, streams, changes and a forced list", async (t) => {
  const api = await ClusterApi.start("changing", "0,1");
  const base = `http://127.0.0.1:${api.port}`;
  t.after(() => api.program.stop());
  const names = new Set<string>();
  for (let token = ""; token !== "end"; ) {
    const page = (await (await fetch(`${base}/api/v1/services?limit=5000${token}`)).json()) as Page;
    for (const { metadata } of page.items) names.add(metadata.name);
    token = page.metadata.continue === undefined ? "end" : `&continue=${page.metadata.continue}`;
  }
  assert.equal(names.size, 13_000);
  const path = `${base}/apis/discovery.k8s.io/v1/endpointslices?watch=true&sendInitialEvents=true`;
  const events = linesOf((await fetch(path)).body!);
  const types = new Map<string, number>();
  for (let isInitial = true; isInitial; ) {
    const { type, object } = JSON.parse((await events.next()).value!);
    types.set(type, (types.get(type) ?? 0) + 1);
    isInitial = object.metadata.annotations?.["k8s.io/initial-events-end"] !== "true";
  }
  assert.deepEqual(
    [...types],
    [
      ["ADDED", 2_000],
      ["BOOKMARK", 1],
    ],
  );
  api.relist();
  const { type, object } = JSON.parse((await events.next()).value!);
  assert.deepEqual([type, object.code], ["ERROR", 410]);
  assert.equal((await events.next()).done, true);
  assert.equal(api.firstBytesMs.length, 2);
});

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let text = "";
  for await (const part of body.pipeThrough(new TextDecoderStream() as never) as unknown as AsyncIterable<string>) {
    const lines = (text + part).split("\n");
    text = lines.pop()!;
    yield* lines;
  }
}

/** The Service that a change is about. */
function ownerOf({ metadata }: Manifest): string {
  return metadata.labels?.["kubernetes.io/service-name"] ?? metadata.name;
}

function addressOf(manifest: Manifest): number[] {
  return (/128\.\d+\.\d+\.\d+/.exec(JSON.stringify(manifest))?.[0] ?? "").split(".").map(Number);
}

async function responder(answer: (query: Buffer, address: string) => Buffer | undefined): Promise<Socket> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  // A test that fails must not keep its file from ending.
  socket.unref();
  socket.on("message", (query, { port, address }) => {
    const message = answer(query, address);
    if (message !== undefined) socket.send(message, port, address);
  });
  return socket;
}

function reply(query: Buffer, records: Records): Buffer {
  const message = Buffer.concat([
    query,
    ...records.map(({ type, data }) => Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 30, 0, data.length, ...data])),
  ]);
  message.writeUInt16BE(0x8180, 2);
  message.writeUInt16BE(records.length, 6);
  return message;
}

async function load(server: Socket, options: string[]): Promise<Record<string, number>> {
  const { stdout } = await promisify(execFile)(tool("load"), [
    ...["--port", `${server.address().port}`, "--limit", `${limit}`, "--seconds", "5", "--outstanding", "16"],
    ...options,
  ]);
  return JSON.parse(stdout);
}
