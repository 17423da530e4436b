/**
 * What may happen to a server under load. Each goes on until `untilMs` (on the clock of performance.now), notes what it has
 * done, and throws with a clear text when the server did not take part: a run without the disturbance would prove nothing.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { corefileBlock, corefilePath } from "./corefile.ts";
import { type HttpFigures, loadHttp } from "./http-load.ts";
import type { Lane } from "./lanes.ts";
import { scrape } from "./metrics.ts";
import { encodeQuery } from "./processes.ts";
import type { DisturbanceName } from "./scenarios.ts";

/** One time that it happened; `ms` is what it took until the server had done it, `http` what autocannon saw in a window. */
export type Occurrence = { ms?: number; http?: HttpFigures };

type Disturbance = (lane: Lane, untilMs: number, occurrences: Occurrence[]) => Promise<void>;

/** Pauses between two reloads, and between two scrapes. */
const reloadPauseMs = 200;
const scrapeEveryMs = 100;
const scrapeCalmlyEveryMs = 1_000;
/** How long a reload, and the news of a death, may take. */
const effectLimitMs = 5_000;
const pollMs = 2;

export const disturbances: Record<DisturbanceName, Disturbance> = {
  reload,
  kill,
  scrape: (lane, untilMs, occurrences) => scrapeAgain(lane, untilMs, occurrences, scrapeEveryMs),
  "scrape-each-second": (lane, untilMs, occurrences) => scrapeAgain(lane, untilMs, occurrences, scrapeCalmlyEveryMs),
  http: askHttp,
  "stop-reader": stopReader,
};

/** Adds a block with a listener of its own and takes it away again. */
async function reload({ setup, program }: Lane, untilMs: number, occurrences: Occurrence[]): Promise<void> {
  const { port, secondPort } = setup!;
  const without = readFileSync(corefilePath(setup!), "utf8");
  const block = corefileBlock(`added.test:${port} added.test:${secondPort}`, ["whoami"]);
  const probe = new Probe(port);
  try {
    // The last state is the first, so that every round begins with it.
    for (let isThere = true; performance.now() < untilMs || !isThere; isThere = !isThere) {
      const began = performance.now();
      writeFileSync(corefilePath(setup!), isThere ? without + block : without);
      program!.signal("SIGUSR1");
      // whoami has no answer records; without the block, the name is forwarded and has an address.
      while ((await probe.answers("www.added.test")) !== (isThere ? 0 : 1)) {
        if (performance.now() - began > effectLimitMs)
          throw new Error(`reload ${occurrences.length + 1} had no effect within ${effectLimitMs} ms`);
        await sleep(pollMs);
      }
      occurrences.push({ ms: performance.now() - began });
      await sleep(reloadPauseMs);
    }
  } finally {
    writeFileSync(corefilePath(setup!), without);
    probe.close();
  }
}

/** Half of the window is over when a worker ends; the other half sees it being replaced. */
async function kill({ setup, program }: Lane, untilMs: number, occurrences: Occurrence[]): Promise<void> {
  await sleep(Math.max(0, untilMs - performance.now()) / 2);
  const began = performance.now();
  const deaths = () => program!.output.match(/worker \d+ died/g)?.length ?? 0;
  const before = deaths();
  const probe = new Probe(setup!.port);
  await probe.answers("crash.fault.test");
  probe.close();
  while (deaths() === before) {
    if (performance.now() - began > effectLimitMs) throw new Error("no worker died of the fault plugin");
    await sleep(pollMs);
  }
  occurrences.push({ ms: performance.now() - began });
}

async function scrapeAgain(
  { setup }: Lane,
  untilMs: number,
  occurrences: Occurrence[],
  everyMs: number,
): Promise<void> {
  while (performance.now() < untilMs) {
    const next = performance.now() + everyMs;
    const { ms, problem } = await scrape(setup!.metricsPort);
    if (problem !== "") throw new Error(`GET /metrics: ${problem}`);
    occurrences.push({ ms });
    await sleep(Math.max(0, next - performance.now()));
  }
}

async function askHttp(lane: Lane, untilMs: number, occurrences: Occurrence[]): Promise<void> {
  const figures = await loadHttp(lane, (untilMs - performance.now()) / 1e3);
  occurrences.push(...figures.map((http) => ({ http })));
}

async function stopReader({ reader }: Lane, untilMs: number, occurrences: Occurrence[]): Promise<void> {
  reader!.program.signal("SIGSTOP");
  occurrences.push({});
  await sleep(Math.max(0, untilMs - performance.now()));
  reader!.program.signal("SIGCONT");
}

/** Asks one question at a time. */
class Probe {
  readonly #socket = createSocket("udp4");
  readonly #port: number;
  readonly #limitMs = 200;

  constructor(port: number) {
    this.#port = port;
    this.#socket.on("error", () => {}); // a closed port is an answer that does not come
  }

  /** Answer records of the reply; undefined when there is none. */
  async answers(name: string): Promise<number | undefined> {
    const reply = once(this.#socket, "message", { signal: AbortSignal.timeout(this.#limitMs) });
    this.#socket.send(encodeQuery(name), this.#port, "127.0.0.1");
    return reply.then(([message]) => (message as Buffer).readUInt16BE(6)).catch(() => undefined);
  }

  close(): void {
    this.#socket.close();
  }
}
