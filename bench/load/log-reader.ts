/** A server's log through a FIFO, and the program that reads it: how many lines come out, and what the server says it has lost. */
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Program } from "./processes.ts";
import { tool } from "./tools.ts";

export type LineCounts = { lines: number; said: number };

/** How long no line must come until all are there: longer than a server waits before it tries a full pipe again. */
const quietMs = 200;
const limitMs = 5_000;

export class LogReader {
  readonly program: Program;
  /** What the server is given for its standard output. */
  readonly descriptor: number;
  #line = Promise.withResolvers<string>();

  private constructor(directory: string, cores: string) {
    const path = join(directory, "log");
    execFileSync("mkfifo", [path]);
    this.program = new Program(cores, tool("lines"), [path]);
    this.program.onOutput = (text) => {
      const { resolve } = this.#line;
      this.#line = Promise.withResolvers();
      resolve(text);
    };
    // Both ways: opening one end alone would wait for the other.
    this.descriptor = openSync(path, constants.O_RDWR);
  }

  static async start(directory: string, cores: string): Promise<LogReader> {
    const reader = new LogReader(directory, cores);
    await reader.#line.promise;
    return reader;
  }

  async #ask(): Promise<LineCounts> {
    const { promise } = this.#line;
    this.program.signal("SIGUSR1");
    const counts = await Promise.race([promise, this.program.closed()]);
    if (typeof counts !== "string") throw new Error(`the reader of the log ended: ${this.program.output}`);
    return JSON.parse(counts);
  }

  /** The counts when no more lines come. */
  async counts(): Promise<LineCounts> {
    const deadline = performance.now() + limitMs;
    for (let last = await this.#ask(); ; ) {
      await sleep(quietMs);
      const now = await this.#ask();
      if ((now.lines === last.lines && now.said === last.said) || performance.now() > deadline) return now;
      last = now;
    }
  }

  close(): void {
    closeSync(this.descriptor);
  }
}
