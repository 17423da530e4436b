/** A whole server as a process of its own, from the text of a Corefile: started, waited for, read, stopped. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { familyOf } from "../../bench/load/usage.ts";
import { type DecodedReply, decodeReply, encodeQuestion, exchange, type Question } from "./wire.ts";

export interface ServerOptions {
  /** `{PORT}`, `{PORT2}` and `{DIR}` are put in, and whatever `placeholders` has. */
  readonly corefile: string;
  /** Files by their name in {DIR}; placeholders are put in here too. */
  readonly files?: Readonly<Record<string, string>>;
  readonly placeholders?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly arguments?: readonly string[];
  /** The program, ours when absent. */
  readonly command?: string;
  /** Whether it has a parent of ours, which keeps its sockets and starts it again. */
  readonly hasParent?: boolean;
}

/** How long a start may take before the test is a failure. A machine that runs other tests beside is slow. */
const START_MS = 20_000;
/** How long a server may take to end by itself after SIGTERM. */
const STOP_MS = 8_000;
/** A query that gets no reply within this time gets none. */
const REPLY_MS = 2_500;

/** Printed when all listeners are open: `CoreDNS-1.15.0` as a line, or as the message of a JSON line. */
const BANNER = /^(\{.*"msg":")?(CoreDNS|WeftDNS)-/;

export const ourCommand: string = join(import.meta.dirname, "../../bin/weftdns");
/** Built where the addon is. */
export const parentCommand: string = join(import.meta.dirname, "../../dist/native/parent");

export class TestServer {
  readonly directory: string;
  readonly port: number;
  readonly port2: number;
  /** What it has printed so far, standard output and error together, line by line. */
  readonly lines: string[] = [];
  readonly #options: ServerOptions;
  #process: ChildProcess | undefined;
  #exit: Promise<number | null> = Promise.resolve(null);
  #partial = "";
  #seen: (() => void)[] = [];

  private constructor(options: ServerOptions, ports: readonly number[]) {
    this.#options = options;
    this.port = ports[0]!;
    this.port2 = ports[1]!;
    this.directory = mkdtempSync(join(tmpdir(), "weftdns-test-"));
  }

  /** Starts the server and waits for its banner. A start that fails rejects with what was printed. */
  static async start(options: ServerOptions): Promise<TestServer> {
    const server = new TestServer(options, await freePorts(2));
    try {
      server.#spawn();
      await server.#ready();
    } catch (error) {
      // Why it did not start says more than that it does not end.
      await server.stop().catch(() => {});
      throw error;
    }
    return server;
  }

  /** Runs until the process ends by itself, for starts that fail. */
  static async run(options: ServerOptions): Promise<{ code: number | null; lines: readonly string[] }> {
    const server = new TestServer(options, await freePorts(2));
    server.#spawn();
    const timer = setTimeout(() => server.#process?.kill("SIGKILL"), START_MS);
    const code = await server.#exit;
    clearTimeout(timer);
    rmSync(server.directory, { recursive: true });
    return { code, lines: server.lines };
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** The server below a parent; 0 while there is none. */
  get childPid(): number {
    return familyOf(this.pid)[1] ?? 0;
  }

  /** Writes a file in {DIR} with the placeholders put in. Nobody sees it half written. */
  write(name: string, text: string): void {
    const path = join(this.directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.new`, this.fill(text));
    renameSync(`${path}.new`, path);
  }

  remove(name: string): void {
    rmSync(join(this.directory, name));
  }

  fill(text: string): string {
    const values: Record<string, string> = {
      PORT: String(this.port),
      PORT2: String(this.port2),
      DIR: this.directory,
      ...this.#options.placeholders,
    };
    return text.replace(/\{([A-Z0-9]+(?::\w+)?)\}/g, (found, key) => values[key] ?? found);
  }

  /** Asks once; undefined when no reply comes. */
  async ask(
    question: Question & { readonly port?: 1 | 2 },
    timeoutMs: number = REPLY_MS,
  ): Promise<DecodedReply | undefined> {
    const port = question.port === 2 ? this.port2 : this.port;
    const bytes = await exchange(encodeQuestion(question), port, question, timeoutMs);
    return bytes && decodeReply(bytes);
  }

  signal(name: NodeJS.Signals): void {
    this.#process?.kill(name);
  }

  /** Waits for the first line from line number `from` on that fits; undefined when none comes in time. */
  async line(fits: RegExp, from = 0, timeoutMs = 2_000): Promise<string | undefined> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = this.lines.slice(from).find((line) => fits.test(line));
      const left = deadline - performance.now();
      if (found !== undefined || left <= 0) return found;
      await this.#nextLine(left);
    }
  }

  /** Ends the server with SIGTERM and gives its exit code. One that does not end is killed, and the test fails. */
  async stop(): Promise<number | null> {
    this.#process?.kill("SIGTERM");
    let isKilled = false;
    const timer = setTimeout(() => {
      isKilled = this.#process!.kill("SIGKILL");
    }, STOP_MS);
    const code = await this.#exit;
    clearTimeout(timer);
    rmSync(this.directory, { recursive: true, force: true });
    assert.ok(!isKilled, `the server did not end within ${STOP_MS} ms`);
    return code;
  }

  #spawn(): void {
    for (const [name, text] of Object.entries(this.#options.files ?? {})) this.write(name, text);
    this.write("Corefile", this.#options.corefile);
    const { command = ourCommand, hasParent = false } = this.#options;
    const words = [command, "-conf", join(this.directory, "Corefile"), ...(this.#options.arguments ?? [])];
    if (hasParent) words.unshift(parentCommand);
    const child = spawn(words[0]!, words.slice(1), {
      cwd: this.directory,
      env: { ...process.env, ...this.#options.environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    this.#exit = new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve(code));
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text: string) => this.#print(text));
    }
  }

  async #ready(): Promise<void> {
    const ended = this.#exit.then((code) => `the server ended with ${code}`);
    const banner = this.line(BANNER, 0, START_MS).then((line) => line ?? "the server did not start in time");
    const first = await Promise.race([ended, banner]);
    if (!BANNER.test(first)) throw new Error(`${first}:\n${this.lines.join("\n")}`);
  }

  #print(text: string): void {
    const lines = (this.#partial + text).split("\n");
    this.#partial = lines.pop()!;
    this.lines.push(...lines);
    const waiting = this.#seen;
    this.#seen = [];
    for (const resolve of waiting) resolve();
  }

  #nextLine(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#seen.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** Ports that are free for UDP and TCP on all addresses. Drawn at random, since tests of several files run at once. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    ports.push(port);
  }
  return ports;
}
/** No port is given out twice in a process, since it may not be in use yet when the next one is looked for. */
const given = new Set<number>();

async function isFree(port: number): Promise<boolean> {
  const udp = createSocket("udp6");
  const tcp = createServer();
  const bound = await Promise.all([
    new Promise<boolean>((resolve) => udp.once("error", () => resolve(false)).bind(port, () => resolve(true))),
    new Promise<boolean>((resolve) => tcp.once("error", () => resolve(false)).listen(port, () => resolve(true))),
  ]);
  udp.close();
  if (tcp.listening) await new Promise((resolve) => tcp.close(resolve));
  return bound.every(Boolean);
}
