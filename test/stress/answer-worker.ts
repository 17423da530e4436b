/** One thread of the hammer: writes or reads answers that tell by themselves whether they are whole. */
import { parentPort, workerData } from "node:worker_threads";
import { Section } from "../../src/dns/reply.ts";
import { Class } from "../../src/dns/types.ts";
import { AnswerCache, type AnswerMemory } from "../../src/memory/answer-cache.ts";
import { clockOffset } from "../../src/memory/clock.ts";
import { emptyReply, keyOf, request } from "../memory/answer-support.ts";

export interface Task {
  /** `change` stores and removes, without pause. */
  readonly role: "write" | "read" | "change";
  readonly memory: AnswerMemory;
  readonly worker: number;
  readonly names: readonly string[];
  /** How many stores or look-ups. */
  readonly count: number;
}

export interface Result {
  readonly reads: number;
  readonly found: number;
  readonly torn: number;
  readonly bad: number;
  readonly nsPerRead: number;
}

const TYPE = 65_280;
const { role, memory, worker, names, count } = workerData as Task;
const cache = new AnswerCache(memory, worker);
const asked = names.map((name) => request(name, TYPE));
const keys = asked.map((one) => keyOf(one));
let state = worker * 7_919 + 1;

function random(below: number): number {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
  return (state >>> 8) % below;
}

/** Every byte of the answer follows from the key, the writer's seed and the place. */
function byteAt(key: number, seed: number, place: number): number {
  return (Math.imul((seed << 8) ^ (key << 4) ^ place, 0x9e3779b1) >>> 23) & 0xff;
}

function write(): void {
  const reply = emptyReply();
  for (let i = 0; i < count; i++) {
    const key = random(names.length);
    const seed = random(0x10000);
    const size = 6 + random(seed % 5 === 0 ? 900 : 120);
    const data = new Uint8Array(size);
    data.set([key, seed >> 8, seed, size >> 8, size]);
    for (let place = 5; place < size; place++) data[place] = byteAt(key, seed, place);
    reply.begin(asked[key]!);
    const records = 1 + (seed % 3);
    const owner = asked[key]!.name.bytes.slice(0, asked[key]!.name.length);
    for (let record = 0; record < records; record++) reply.add(Section.ANSWER, owner, TYPE, Class.IN, 1, data);
    cache.store(keys[key]!, reply, seed & 0xf, 1 + seed, performance.now() + clockOffset, 0);
    // The pause is of any length, and at times the thread gives its CPU away.
    if (i % 64 === 0) pause(random(200));
  }
}

function change(): void {
  const reply = emptyReply();
  for (let i = 0; i < count; i++) {
    const key = random(names.length);
    reply.begin(asked[key]!);
    if (random(3) === 0) cache.remove(keys[key]!, performance.now() + clockOffset);
    else cache.store(keys[key]!, reply, 0, random(2), performance.now() + clockOffset, 0);
  }
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));
function pause(microseconds: number): void {
  if (microseconds > 180) Atomics.wait(sleeper, 0, 0, 1);
  const until = performance.now() + microseconds / 1_000;
  while (performance.now() < until);
}

function read(): Result {
  const reply = emptyReply();
  let found = 0;
  let torn = 0;
  let bad = 0;
  const began = performance.now();
  for (let i = 0; i < count; i++) {
    const key = random(names.length);
    reply.begin(asked[key]!);
    if (!cache.find(keys[key]!)) continue;
    if (!cache.copyTo(reply, 77)) {
      torn++;
      continue;
    }
    found++;
    if (!isWhole(key)) bad++;
  }
  const nsPerRead = ((performance.now() - began) * 1e6) / count;
  return { reads: count, found, torn, bad, nsPerRead };

  function isWhole(key: number): boolean {
    const { bytes, start, questionEnd, end, counts } = reply;
    let at = start + questionEnd;
    const data = at + 12;
    const seed = (bytes[data + 1]! << 8) | bytes[data + 2]!;
    const size = (bytes[data + 3]! << 8) | bytes[data + 4]!;
    if (bytes[data] !== key || counts[0] !== 1 + (seed % 3) || cache.ttl !== 1 + seed) return false;
    if (cache.flags !== (seed & 0xf) || counts[1] !== 0 || counts[2] !== 0) return false;
    for (let record = 0; record < counts[0]!; record++) {
      const ttl = (bytes[at + 6]! << 24) | (bytes[at + 7]! << 16) | (bytes[at + 8]! << 8) | bytes[at + 9]!;
      if (ttl !== 77 || ((bytes[at + 10]! << 8) | bytes[at + 11]!) !== size) return false;
      for (let place = 5; place < size; place++) {
        if (bytes[at + 12 + place] !== byteAt(key, seed, place)) return false;
      }
      at += 12 + size;
    }
    return at === end;
  }
}

if (role !== "read") {
  if (role === "write") write();
  else change();
  parentPort!.postMessage(undefined);
} else {
  parentPort!.postMessage(read());
}
