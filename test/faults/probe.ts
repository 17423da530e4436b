/**
 * The honest client beside a fault: asks a fixed number of times a second, whatever the server does, from an address and
 * a thread of its own, so that what is done to the server in the test's thread does not hold it up.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";

export interface ProbeOptions {
  readonly port: number;
  /** 200 when absent. */
  readonly perSecond?: number;
  /** Asked in turn; `www.example.org. A` when absent. */
  readonly asks?: readonly string[];
  /** 127.9.9.9 when absent. */
  readonly from?: string;
}

export interface ProbeResult {
  readonly asked: number;
  readonly lost: number;
  /** Replies with another rcode than NOERROR. */
  readonly wrong: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
  /** The longest time in which queries again and again were lost, or waited longer than with a worker that is well. */
  readonly blackHoleMs: number;
}

export class Probe {
  readonly #thread: Worker;

  private constructor(thread: Worker) {
    this.#thread = thread;
  }

  static async start(options: ProbeOptions): Promise<Probe> {
    const thread = new Worker(new URL("./probe-thread.ts", import.meta.url), { workerData: options });
    await once(thread, "message");
    return new Probe(thread);
  }

  /** Asks no more, waits for late answers, and says how it went. May be called once. */
  async stop(): Promise<ProbeResult> {
    this.#thread.postMessage("stop");
    const [result] = (await once(this.#thread, "message")) as [ProbeResult];
    await this.#thread.terminate();
    return result;
  }
}
