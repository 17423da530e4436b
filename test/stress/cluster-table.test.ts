/**
 * One thread changes the record table of a cluster without end while others read it: every answer is that of a state
 * that was, and memory does not grow. READS=100000000 makes it long.
 */
import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { Bench, object, pod, service, slice } from "../kubernetes/table/support.ts";
import type { Result, Task } from "./cluster-reader.ts";

const READS = Number(process.env.READS ?? 1_500_000);
/** Together with the writer more threads than CPUs: they are interrupted anywhere. */
const READERS = Math.min(availableParallelism(), 8);
const SERVICES = 5;
/** Services that come and go, so that indexes and memory grow and shrink. */
const CROWD = 3_000;
/** Changes between two turns of the event loop. */
const BATCH = 40;
const MIB = 1024 * 1024;

class Writer {
  readonly bench = new Bench();
  changes = 0;
  readonly #versions = new Array<number>(SERVICES).fill(0);
  #crowd = 0;
  #rising = true;
  #side = 0;
  #state = 77;

  constructor() {
    const { bench } = this;
    bench.namespaces.upsert(object("", "hammer"));
    bench.services.upsert(service("hammer", "stable", { clusterIP: "10.98.0.1" }));
    for (let i = 0; i < SERVICES; i++) {
      bench.services.upsert(service("hammer", `moving${i}`, { clusterIP: "None" }));
      this.#move(i);
    }
    bench.slices.upsert(slice("hammer", "walk-0", "walk", ["10.99.0.1"]));
    bench.slices.upsert(slice("hammer", "walk-1", "walk", ["10.99.0.7"]));
    bench.pods.upsert(pod("hammer", "walker-0", ["10.99.0.2"]));
  }

  change(): void {
    this.changes++;
    const choice = this.#random(10);
    if (choice < 4) this.#move(this.#random(SERVICES));
    else if (choice < 7) this.#changeCrowd();
    else if (choice < 9) this.#walk();
    else this.bench.table.tidy();
  }

  /** The first slice, then the second one: the first is never behind, and never more than one ahead. */
  #move(i: number): void {
    const version = ++this.#versions[i]!;
    for (const number of [0, 1]) {
      const count = 1 + ((version * 7 + number) % 23);
      const group = (value: number) => value.toString(16);
      const addresses = Array.from(
        { length: count },
        (_, at) =>
          `2001:db8:${group(i)}:${group(version >>> 16)}:${group(version & 0xffff)}:${number}:${group(count)}:${group(at + 1)}`,
      );
      const endpoints = addresses.map((text, at) => ({ addresses: [text], hostname: `h${version % 10}-${at}` }));
      const fields = { addressType: "IPv6", endpoints };
      this.bench.slices.upsert(slice("hammer", `moving${i}-${number}`, `moving${i}`, [], fields));
    }
  }

  #changeCrowd(): void {
    const { bench } = this;
    if (this.#crowd === 0) this.#rising = true;
    if (this.#crowd === CROWD) this.#rising = false;
    const i = this.#rising ? this.#crowd++ : --this.#crowd;
    const address = `10.${i >> 8}.${i & 0xff}.1`;
    const one = service("crowd", `crowd${i}`, { clusterIP: address, ports: [{ name: `p${i}`, port: 1 + i }] });
    const endpoints = slice("crowd", `crowd${i}-x`, `crowd${i}`, [`10.50.${i >> 8}.${i & 0xff}`, "10.51.0.1"]);
    if (this.#rising) {
      bench.services.upsert(one);
      bench.slices.upsert(endpoints);
      bench.pods.upsert(pod("crowd", `crowd${i}`, [`10.50.${i >> 8}.${i & 0xff}`]));
    } else {
      bench.slices.remove(endpoints);
      bench.services.remove(one);
      bench.pods.remove(pod("crowd", `crowd${i}`, []));
    }
  }

  /** An address is in the other slice before it is gone from this one; a pod has a successor before it goes. */
  #walk(): void {
    const { bench } = this;
    const from = this.#side;
    this.#side = 1 - from;
    bench.slices.upsert(slice("hammer", `walk-${this.#side}`, "walk", ["10.99.0.7", "10.99.0.1"]));
    bench.slices.upsert(slice("hammer", `walk-${from}`, "walk", ["10.99.0.7"]));
    bench.pods.upsert(pod("hammer", `walker-${this.#side}`, ["10.99.0.2"]));
    bench.pods.remove(pod("hammer", `walker-${from}`, []));
  }

  #random(below: number): number {
    this.#state = (Math.imul(this.#state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (this.#state >>> 8) % below;
  }
}

function start(task: Task): Worker {
  return new Worker(new URL("./cluster-reader.ts", import.meta.url), { workerData: task });
}

function resultOf(worker: Worker): Promise<Result> {
  return new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
}

async function writeUntil(writer: Writer, end: Promise<unknown>): Promise<void> {
  let ended = false;
  const stop = () => {
    ended = true;
  };
  end.then(stop, stop);
  while (!ended) {
    for (let i = 0; i < BATCH; i++) writer.change();
    await nextTurn();
  }
}

test(`${READERS} readers while everything changes, ${READS} look-ups: no answer is torn, mixed or missing`, async (context) => {
  const writer = new Writer();
  const { memory } = writer.bench.table;
  const count = Math.ceil(READS / READERS);
  const readers = Array.from({ length: READERS }, (_, i) =>
    resultOf(start({ memory, worker: i + 1, services: SERVICES, count })),
  );
  const all = Promise.all(readers);
  await writeUntil(writer, all);
  const results = await all;
  const states = results.reduce((sum, result) => sum + result.states, 0);
  writer.bench.table.tidy();
  const { retired, heapBytes } = writer.bench.table.statistics;
  context.diagnostic(`${writer.changes} changes, ${states} states seen, heap ${(heapBytes / MIB).toFixed(1)} MiB`);
  for (const { bad } of results) assert.deepEqual(bad, {});
  assert.ok(states > 20, `only ${states} states were seen`);
  assert.equal(retired, 0, "all that was taken out is freed");
  assert.ok(heapBytes < 12 * MIB, `${heapBytes} bytes`);
});

test("readers that die inside keep memory until they are replaced", async () => {
  const writer = new Writer();
  const { table } = writer.bench;
  const replace = async (worker: number) => {
    const next = start({ memory: table.memory, worker, services: SERVICES, count: 10 });
    assert.deepEqual((await resultOf(next)).bad, {});
  };
  let held = 0;
  for (let round = 0; round < 12; round++) {
    const worker = 1 + (round % 2);
    const reader = start({ memory: table.memory, worker, services: SERVICES, count: 0 });
    await resultOf(reader);
    const until = performance.now() + 20 + Math.random() * 40;
    while (performance.now() < until) {
      for (let i = 0; i < BATCH; i++) writer.change();
      await nextTurn();
    }
    await reader.terminate();
    for (let i = 0; i < BATCH; i++) writer.change();
    if (table.statistics.retired > 0) held++;
    if (round % 2 === 1) continue;
    await Promise.all([replace(1), replace(2)]);
    table.reclaim();
    assert.equal(table.statistics.retired, 0, `round ${round}`);
  }
  assert.ok(held > 0, "no reader died inside");
});
