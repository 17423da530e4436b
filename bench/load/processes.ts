/**
 * Starting and ending the programs under test. Each runs on the cores that it is given, in a directory of its own; all are
 * ended by their process ids, on errors and on Ctrl-C too, and `launch` ends them should this process be killed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { tool } from "./tools.ts";
import { familyOf } from "./usage.ts";

/** A server that has not ended so long after SIGTERM gets SIGKILL. */
const patienceMs = 5_000;
/** What is kept of a program's output, to be shown when it fails. */
const outputLimit = 4_096;

/** `output` is a descriptor that takes the place of the pipe from its standard output to us. */
type Surroundings = { directory?: string; output?: number | undefined; environment?: Record<string, string> };

const running = new Set<Program>();
let ending = false;
const directories = new Set<string>();

export class Program {
  readonly pid: number;
  readonly startedAt: number;
  output = "";
  ended = false;
  readonly #child: ChildProcess;
  /** One for all who wait: a listener for each of them would pile up. */
  readonly #closed: Promise<number | null>;

  constructor(cores: string, program: string, parameters: string[], surroundings: Surroundings = {}) {
    if (ending) throw new Error("interrupted");
    this.startedAt = performance.now();
    const { directory, output, environment } = surroundings;
    this.#child = spawn(tool("launch"), [cores, program, ...parameters], {
      ...(directory === undefined ? {} : { cwd: directory }),
      env: { ...process.env, ...environment },
      stdio: ["pipe", output ?? "pipe", "pipe"],
    });
    this.pid = this.#child.pid ?? 0;
    running.add(this);
    this.#closed = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.on("error", (error) => this.#note(error.message));
    this.#child.stdin?.on("error", () => {}); // the program may end before it reads
    this.#child.on("exit", () => {
      this.ended = true;
      running.delete(this);
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => this.onOutput(text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => this.#note(text));
  }

  /** Replaced by a reader who wants all of it. */
  onOutput: (text: string) => void = (text) => this.#note(text);

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Resolves when the process has ended and its output is complete. */
  closed(): Promise<number | null> {
    return this.#closed;
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.ended) this.#child.kill(signal);
  }

  async stop(): Promise<void> {
    if (this.ended || this.pid === 0) return;
    const family = familyOf(this.pid);
    this.signal("SIGTERM");
    for (let waited = 0; !this.ended && waited < patienceMs; waited += 10) await sleep(10);
    if (this.ended) return;
    for (const pid of family) killIfThere(pid);
  }

  #note(text: string): void {
    this.output = (this.output + text).slice(-outputLimit);
  }
}

export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((program) => program.stop()));
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
}

export function endWithUs(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      ending = true;
      console.error(`\n${signal}: ending what was started`);
      stopAll().finally(() => process.exit(130));
    });
  }
}

export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "weftdns-bench-"));
  directories.add(directory);
  return directory;
}

/** A port that nobody uses now, over UDP and TCP: some servers listen on both. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const udp = createSocket("udp4");
    const tcp = createServer();
    try {
      udp.bind(port, "127.0.0.1");
      await once(udp, "listening");
      tcp.listen(port, "127.0.0.1");
      await once(tcp, "listening");
      return port;
    } catch {
      // taken: try another
    } finally {
      udp.close();
      tcp.close();
    }
  }
  throw new Error("no free port between 20000 and 29999");
}

export type FirstAnswers = {
  /** Milliseconds from the start of the process to a reply of any kind, and to the one that was wanted. */
  anyMs: number;
  rightMs: number;
};

/** Asks for `name` every millisecond until the program gives the right answer; undefined when it ended or time ran out. */
export async function firstAnswers(
  program: Program,
  port: number,
  name: string,
  isRight: (reply: Buffer) => boolean,
  limitMs: number,
): Promise<FirstAnswers | undefined> {
  const socket = createSocket("udp4");
  const query = encodeQuery(name);
  let anyMs = 0;
  let rightMs = 0;
  socket.on("error", () => {}); // nobody listens there yet
  socket.on("message", (reply) => {
    const ms = performance.now() - program.startedAt;
    anyMs ||= ms;
    if (isRight(reply)) rightMs ||= ms;
  });
  while (rightMs === 0 && !program.ended && performance.now() - program.startedAt < limitMs) {
    socket.send(query, port, "127.0.0.1");
    await sleep(1);
  }
  socket.close();
  return rightMs > 0 ? { anyMs, rightMs } : undefined;
}

export function encodeQuery(name: string): Buffer {
  const labels = name.split(".").map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, "latin1"));
  const header = Buffer.from([0x57, 0x44, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // ended in the meantime
  }
}
