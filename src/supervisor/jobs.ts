/**
 * Work that would hold a thread for longer than 5 ms (reading a zone, for example) runs on threads of its own. They
 * start on demand and end when idle, so a server at rest does not pay for them.
 */
import { Piscina } from "piscina";
import { entryUrl } from "./entry-url.ts";

/** Two jobs at a time: more would take the CPUs from the workers. */
const THREADS = 2;
/** A thread that has nothing to do ends after this long, and gives its memory back. */
const IDLE_MS = 500;

export class Jobs {
  #pool: Piscina | undefined;

  /** Runs `run(input)` of the module at the URL `module`. */
  async run<Result>(module: string, input: unknown, signal?: AbortSignal): Promise<Result> {
    this.#pool ??= new Piscina({
      filename: entryUrl("../supervisor/job-entry"),
      minThreads: 0,
      maxThreads: THREADS,
      idleTimeout: IDLE_MS,
      atomics: "disabled",
      recordTiming: false,
    });
    return (await this.#pool.run({ module, input }, signal ? { signal } : {})) as Result;
  }

  async stop(): Promise<void> {
    await this.#pool?.destroy();
    this.#pool = undefined;
  }
}
