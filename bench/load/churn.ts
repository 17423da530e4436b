/**
 * Changes to the generated cluster at a fixed pace, and how long it takes until DNS says so: for some of the changes the name
 * is asked for every few milliseconds from the moment on at which the event was written. Each address holds its name's number
 * and its generation, so that any other name's address, a generation that was not there yet, and one that was already replaced
 * when the question was asked are wrong answers.
 */
import { createSocket, type Socket } from "node:dgram";
import { setTimeout as sleep } from "node:timers/promises";
import type { Manifest } from "../../test/support/api-objects.ts";
import { changingService, changingSlice, generations } from "./cluster-objects.ts";
import { encodeQuery } from "./processes.ts";
import { nowMs } from "./statistics.ts";

export type ChurnOrder = {
  dnsPort: number;
  perSecond: number;
  seconds: number;
  /** Of each kind. */
  objects: number;
};

export type ChurnCounts = {
  changes: number;
  /** Answers looked at. */
  asked: number;
  wrong: number;
  /** Samples whose change no answer showed in time. */
  unseen: number;
  /** Of each sample, from the event's writing to the first answer with it, or until it was given up. */
  delaysMs: number[];
};

/** An odd number, so that both kinds are sampled. */
const sampleEvery = 5;
const tickMs = 1;
const mostPauseMs = 50;
/** Behind the last change; what was not seen then counts as unseen. */
const patienceMs = 2_000;

/** One name that changes: what was written last, and the newest generation that an answer has shown. */
type Name = { text: string; n: number; isSlice: boolean; written: number; seen: number };
type Sample = { name: Name; generation: number; sinceMs: number; nextMs: number };

const names: Name[] = [];

export async function runChurn(order: ChurnOrder, change: (manifest: Manifest) => void): Promise<ChurnCounts> {
  for (let n = names.length >> 1; n < order.objects; n++) {
    for (const [prefix, isSlice] of [["change", false] as const, ["altering", true] as const])
      names.push({ text: `${prefix}${n}.churn.svc.cluster.local`, n, isSlice, written: 0, seen: 0 });
  }
  const counts: ChurnCounts = { changes: 0, asked: 0, wrong: 0, unseen: 0, delaysMs: [] };
  const waiting = new Set<Sample>();
  const prober = new Prober(order.dnsPort, counts, waiting);
  const began = nowMs();
  const endMs = began + order.seconds * 1e3;
  const total = order.seconds * order.perSecond;
  for (let now = began; counts.changes < total || (waiting.size > 0 && now < endMs + patienceMs); now = nowMs()) {
    const due = Math.min(total, ((now - began) * order.perSecond) / 1e3);
    while (counts.changes < due) {
      const name = names[counts.changes++ % names.length]!;
      name.written++;
      change(name.isSlice ? changingSlice(name.n, name.written) : changingService(name.n, name.written));
      if (counts.changes % sampleEvery === 0)
        waiting.add({ name, generation: name.written, sinceMs: nowMs(), nextMs: 0 });
    }
    for (const sample of waiting) {
      if (now < sample.nextMs) continue;
      prober.ask(sample);
      // Every tick at first; a server that is late is not asked ever more.
      sample.nextMs = now + Math.min(mostPauseMs, (now - sample.sinceMs) / 10);
    }
    await sleep(tickMs);
  }
  prober.close();
  counts.unseen = waiting.size;
  for (const { sinceMs } of waiting) counts.delaysMs.push(nowMs() - sinceMs);
  return counts;
}

class Prober {
  readonly #socket: Socket = createSocket("udp4");
  readonly #counts: ChurnCounts;
  readonly #waiting: Set<Sample>;
  readonly #port: number;
  /** By query id: which sample asked, and what an answer from then on must have at least. */
  readonly #asked = new Map<number, { sample: Sample; atLeast: number }>();
  #id = 0;

  constructor(port: number, counts: ChurnCounts, waiting: Set<Sample>) {
    this.#port = port;
    this.#counts = counts;
    this.#waiting = waiting;
    this.#socket.on("error", () => {}); // a closed port is an answer that does not come
    this.#socket.on("message", (reply) => this.#take(reply));
  }

  ask(sample: Sample): void {
    const query = encodeQuery(sample.name.text);
    this.#id = (this.#id + 1) & 0xffff;
    query.writeUInt16BE(this.#id, 0);
    this.#asked.set(this.#id, { sample, atLeast: sample.name.seen });
    this.#socket.send(query, this.#port, "127.0.0.1");
  }

  #take(reply: Buffer): void {
    const asked = reply.length < 12 ? undefined : this.#asked.get(reply.readUInt16BE(0));
    if (asked === undefined) return;
    this.#asked.delete(reply.readUInt16BE(0));
    this.#counts.asked++;
    const { sample, atLeast } = asked;
    const { name } = sample;
    const generation = generationIn(reply, name.n);
    if (generation === undefined || generation < atLeast || generation > name.written) {
      this.#counts.wrong++;
      return;
    }
    name.seen = Math.max(name.seen, generation);
    if (generation < sample.generation || !this.#waiting.delete(sample)) return;
    this.#counts.delaysMs.push(nowMs() - sample.sinceMs);
  }

  close(): void {
    this.#socket.close();
  }
}

/** Of an answer with one address, which stands at its end; undefined when it is another name's, or none. */
function generationIn(reply: Buffer, n: number): number | undefined {
  const isOneAnswer = (reply[3]! & 15) === 0 && reply.readUInt16BE(6) === 1 && reply.readUInt32BE(8) === 0;
  if (!isOneAnswer || reply[reply.length - 4] !== 128) return undefined;
  const number = reply.readUIntBE(reply.length - 3, 3);
  return Math.floor(number / generations) === n ? number % generations : undefined;
}
