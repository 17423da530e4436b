/** The thread of a Probe. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { parentPort, workerData } from "node:worker_threads";
import { awakeNow } from "../support/awake.ts";
import { encodeQuestion } from "../support/wire.ts";
import type { ProbeOptions, ProbeResult } from "./probe.ts";

const TICK_MS = 5;
/** Whatever has no answer by then has none. */
const ANSWER_MS = 2_000;
/** A query that waited for so long met a worker that is not well. */
const SLOW_MS = 80;
/** Slow queries further apart have different reasons: a worker that gets queries gets one every few milliseconds. */
const APART_MS = 60;
/** Sockets in turn: several flows, and ids that do not repeat while a query waits. */
const SOCKETS = 8;

interface Fate {
  readonly sentAt: number;
  answeredAt: number;
}

const { port, perSecond = 200, asks = ["www.example.org. A"], from = "127.9.9.9" } = workerData as ProbeOptions;
const questions = asks.map((ask) => encodeQuestion({ ask }, 0));
const fates: Fate[] = [];
let wrong = 0;
let answered = 0;

const sockets = await Promise.all(
  Array.from({ length: SOCKETS }, async (_, index) => {
    const socket = createSocket("udp4");
    socket.on("error", () => {});
    socket.on("message", (reply) => receive(index, reply));
    socket.bind(0, from);
    await once(socket, "listening");
    return socket;
  }),
);
const began = awakeNow();
const timer = setInterval(() => {
  // What was due while the machine stood still is not asked in one burst.
  const due = ((awakeNow() - began) * perSecond) / 1_000;
  while (fates.length < due) send(sockets);
}, TICK_MS);
parentPort!.once("message", () => void finish());
parentPort!.postMessage("ready");

function send(among: readonly Socket[]): void {
  const number = fates.length;
  const query = Buffer.from(questions[number % questions.length]!);
  query.writeUInt16BE(Math.floor(number / SOCKETS) & 0xffff, 0);
  fates.push({ sentAt: awakeNow(), answeredAt: 0 });
  among[number % SOCKETS]!.send(query, port, "127.0.0.1");
}

function receive(index: number, reply: Buffer): void {
  const fate = fates[reply.readUInt16BE(0) * SOCKETS + index];
  if (fate === undefined || fate.answeredAt !== 0) return;
  fate.answeredAt = awakeNow();
  answered++;
  if ((reply[3]! & 15) !== 0) wrong++;
}

async function finish(): Promise<void> {
  clearInterval(timer);
  const until = performance.now() + ANSWER_MS;
  while (answered < fates.length && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 5));
  for (const socket of sockets) socket.close();
  const waits = fates.map(({ sentAt, answeredAt }) =>
    answeredAt === 0 ? Number.POSITIVE_INFINITY : answeredAt - sentAt,
  );
  const known = waits.filter(Number.isFinite).sort((a, b) => a - b);
  const slow = fates.filter((_, i) => waits[i]! > SLOW_MS).map(({ sentAt }) => sentAt);
  const result: ProbeResult = {
    asked: fates.length,
    lost: fates.length - answered,
    wrong,
    p50Ms: known[Math.floor(known.length * 0.5)] ?? 0,
    p99Ms: known[Math.floor(known.length * 0.99)] ?? 0,
    slowestMs: known.at(-1) ?? 0,
    blackHoleMs: longestRun(slow),
  };
  parentPort!.postMessage(result);
}

/** The longest time without a pause of more than APART_MS between two of `times`. */
function longestRun(times: readonly number[]): number {
  let longest = 0;
  let since = times[0] ?? 0;
  for (const [i, time] of times.entries()) {
    if (time - times[Math.max(i - 1, 0)]! > APART_MS) since = time;
    longest = Math.max(longest, time - since);
  }
  return longest;
}
