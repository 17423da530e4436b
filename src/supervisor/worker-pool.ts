/**
 * The workers: long-lived tasks of a Piscina pool, one thread each. The pool starts them, watches that their loops turn,
 * replaces one that has died, and leads all of them from one plan to the next.
 *
 * A worker that throws, runs out of heap or stalls costs the queries it held. As soon as it is known to be down, and
 * already when its loop is late, it gets no new ones.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { MessageChannel, type MessagePort, type Worker as NodeWorker, receiveMessageOnPort } from "node:worker_threads";
import { Piscina } from "piscina";
import { type CellDescription, CounterRow } from "../memory/counters.ts";
import type { Plan } from "../plugin/plan.ts";
import { PACKET_COUNTERS, PacketCounter } from "../transport/packets.ts";
import { BEAT_MS, type FromWorker, type ToWorker, type WorkerStart } from "../worker/messages.ts";
import { entryUrl } from "./entry-url.ts";

/** How often heartbeats are looked at. */
const WATCH_MS = 25;
/** A loop that has not turned for so long gets no new queries until it does. */
const LATE_MS = 75;
/** Then its thread is ended and replaced. */
const STALL_MS = 2_000;
/** For so long all workers may be late before the server says of itself that it is not well (row N3). */
const MAX_ABSENCE_MS = 1_000;
/** A thread that dies young is not replaced at once, lest a worker that cannot start takes a CPU: first and longest wait. */
const RESTART_MS = 50;
const MAX_RESTART_MS = 5_000;
const YOUNG_MS = 10_000;
/** Preparing includes loading plugins, so it may take its time; a thread that hangs in it must not hang a reload. */
const PREPARE_TIMEOUT_MS = 30_000;
/** How often is looked whether threads run when the server starts, and whether queries still come when it ends. */
const LOOK_MS = 10;

/**
 * Heap of one worker. What queries need is outside of it, in buffers; a plugin that leaks is ended by this limit and
 * not by the container's. The young generation is small since a query leaves no garbage.
 */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 8 };

type State = "starting" | "ready" | "serving" | "down";

interface Thread {
  readonly index: number;
  readonly port: MessagePort;
  readonly row: CounterRow;
  readonly beat: Int32Array;
  readonly statistics: Float64Array;
  readonly abort: AbortController;
  readonly startedAt: number;
  readonly ended: Promise<void>;
  descriptions: CellDescription[];
  state: State;
  lastBeat: number;
  /** Milliseconds since the last beat, as far as they count. */
  silence: number;
  late: boolean;
  /** Why it was ended on purpose. */
  reason: string | undefined;
  /** The last plan that has all of its sockets. */
  left: number;
  /** The plan that it was given last. What it says of another comes too late. */
  generation: number;
  /** Settles what that plan waits for. */
  prepared: ((failure: string | undefined) => void) | undefined;
  committed: (() => void) | undefined;
}

/** What one worker has counted. */
export interface WorkerRow {
  readonly index: number;
  readonly row: CounterRow;
  readonly descriptions: readonly CellDescription[];
  /** Counts of its transport, by PacketCounter. */
  readonly statistics: Float64Array;
}

/** Why a worker had to be replaced: an error that nobody caught, its heap's limit, or a loop that turned no more. */
const RESTART_CAUSES = ["error", "memory", "stall"] as const;
type RestartCause = (typeof RESTART_CAUSES)[number];

export interface PoolEvents {
  /** The workers that new queries should go to have changed. */
  steer(live: readonly number[]): void;
  /** A worker ended unasked and is being replaced; the stack is that of an error nobody caught there, if any. */
  died(index: number, reason: string, stack: string): void;
  /** All sockets that the plan in use has not may be closed. */
  left(): void;
  /** That worker's counts are final; a new one begins with none. */
  retired(row: WorkerRow): void;
  /** Cells of a worker in which nobody counts any more. Settles when they are read no more. */
  cellsLeft(row: WorkerRow, descriptions: readonly CellDescription[]): Promise<unknown>;
  told(id: string, value: unknown, worker: number): void;
  /** The sockets of a worker, by id. */
  sockets(index: number): ReadonlyMap<string, number>;
  /** What a worker that starts late must know. */
  published(): ReadonlyMap<string, unknown>;
}

export class WorkerPool {
  readonly #size: number;
  readonly #events: PoolEvents;
  readonly #pool: Piscina;
  readonly #threads: (Thread | undefined)[];
  readonly #watch: NodeJS.Timeout;
  readonly #restartMs: number[];
  #plan: Plan | undefined;
  #stopping = false;
  #live = "";
  /** When heartbeats were looked at last, and when a worker last was there to answer. */
  #lookedAt = performance.now();
  #answeringAt = Number.POSITIVE_INFINITY;
  /** Workers that ended unasked, since the start. */
  readonly restarts = new Map<RestartCause, number>(RESTART_CAUSES.map((cause) => [cause, 0]));

  constructor(size: number, events: PoolEvents) {
    this.#size = size;
    this.#events = events;
    this.#pool = new Piscina({
      filename: entryUrl("../worker/entry"),
      minThreads: size,
      maxThreads: size,
      idleTimeout: Number.POSITIVE_INFINITY,
      // A worker's task never ends, so there is nothing for its thread to wait for; and it must never wait.
      atomics: "disabled",
      recordTiming: false,
      resourceLimits: RESOURCE_LIMITS,
    });
    // The tasks' promises say the same, with the worker's index.
    this.#pool.on("error", () => {});
    this.#restartMs = new Array(size).fill(RESTART_MS);
    this.#threads = new Array(size).fill(undefined);
    for (let index = 0; index < size; index++) this.#threads[index] = this.#begin(index);
    this.#watch = setInterval(() => this.#lookAtHeartbeats(), WATCH_MS);
  }

  /** Settles when the threads run, or have died, or are late: a plan is then taken without waiting for them. */
  async started(): Promise<void> {
    const until = performance.now() + PREPARE_TIMEOUT_MS;
    const isToCome = (thread: Thread | undefined) => thread?.state === "starting" && Atomics.load(thread.beat, 0) === 0;
    while (this.#threads.some(isToCome) && performance.now() < until && !this.#stopping) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** Leads all workers to `plan`. When one cannot prepare it, none takes it, and the reason is thrown. */
  async deploy(plan: Plan, published: ReadonlyMap<string, unknown>): Promise<void> {
    const deploying = Promise.all(this.#replacing).then(() => this.#deploy(plan, published));
    // Whoever has called goes on first: what is published belongs to the plan that it knows of.
    this.#deploying = deploying.then(nextTurn, nextTurn).then(() => {
      this.#deploying = undefined;
    });
    return deploying;
  }
  /** A worker is given one plan at a time: it could not be told which of two it has answered. */
  #deploying: Promise<void> | undefined;
  readonly #replacing = new Set<Promise<void>>();

  async #deploy(plan: Plan, published: ReadonlyMap<string, unknown>): Promise<void> {
    const threads = this.#threads.filter((thread) => thread !== undefined);
    const failures = await Promise.all(threads.map((thread) => this.#prepare(thread, plan, published)));
    const failure = failures.find((reason) => reason !== undefined);
    if (failure !== undefined) {
      for (const thread of threads) this.#send(thread, { kind: "discard", generation: plan.generation });
      throw new Error(failure);
    }
    this.#plan = plan;
    // From now on somebody should.
    this.#answeringAt = Math.min(this.#answeringAt, this.#lookedAt);
    await Promise.all(threads.map((thread) => this.#commit(thread, plan)));
    // New groups of sockets have no program yet.
    this.#live = "";
    this.#steer();
  }

  publish(id: string, value: unknown): void {
    for (const thread of this.#threads) if (thread) this.#send(thread, { kind: "publish", id, value });
  }

  /** Waits until no query has come to any worker for `quietMs`, `atMostMs` at most. */
  async quiet(quietMs: number, atMostMs: number): Promise<void> {
    const until = performance.now() + atMostMs;
    for (let seen = -1, since = 0; ; await new Promise((resolve) => setTimeout(resolve, LOOK_MS))) {
      const now = performance.now();
      const received = this.#received();
      if (received !== seen) since = now;
      if (now - since >= quietMs || now >= until) return;
      seen = received;
    }
  }

  /** Asks all workers to end, and waits for them at most `graceMs` and a little. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#watch);
    for (const thread of this.#threads) if (thread) this.#send(thread, { kind: "stop", graceMs });
    const ended = Promise.all(this.#threads.map((thread) => thread?.ended));
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, graceMs + 1_000))]);
    await this.#pool.destroy();
  }

  /** What the workers that run now have counted. */
  rows(): WorkerRow[] {
    const threads = this.#threads.filter((thread) => thread !== undefined);
    for (const thread of threads) this.#hearAll(thread);
    return threads;
  }

  /** The threads themselves, dead ones not among them. */
  get threads(): readonly NodeWorker[] {
    return this.#pool.threads;
  }

  /** Datagrams, and queries over TCP. */
  #received(): number {
    const threads = this.#threads.filter((thread) => thread !== undefined);
    return threads.reduce((sum, { statistics, beat }) => sum + statistics[PacketCounter.RECEIVED]! + beat[1]!, 0);
  }

  #begin(index: number): Thread {
    const { port1, port2 } = new MessageChannel();
    const counters = new SharedArrayBuffer(CounterRow.SIZE);
    const heartbeat = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
    const statistics = new SharedArrayBuffer(PACKET_COUNTERS * Float64Array.BYTES_PER_ELEMENT);
    const start: WorkerStart = { index, count: this.#size, port: port2, counters, heartbeat, statistics };
    const abort = new AbortController();
    const now = performance.now();
    // Piscina derives its type of this list from an older signature of postMessage.
    const transferList = [port2] as never;
    const run = this.#pool.run(start, { transferList, signal: abort.signal });
    const thread: Thread = {
      index,
      port: port1,
      row: new CounterRow(counters),
      beat: new Int32Array(heartbeat),
      statistics: new Float64Array(statistics),
      abort,
      startedAt: now,
      ended: run.then(
        () => this.#ended(thread, "ended", "error"),
        (error: unknown) =>
          this.#ended(thread, thread.reason ?? reasonOf(error), causeOf(thread, error), stackOf(thread, error)),
      ),
      descriptions: [],
      state: "starting",
      lastBeat: 0,
      silence: 0,
      late: false,
      reason: undefined,
      left: 0,
      generation: 0,
      prepared: undefined,
      committed: undefined,
    };
    port1.on("message", (message: FromWorker) => this.#hear(thread, message));
    return thread;
  }

  #ended(thread: Thread, reason: string, cause: RestartCause, stack = ""): void {
    thread.state = "down";
    this.#hearAll(thread);
    thread.port.close();
    thread.prepared?.(`worker ${thread.index}: ${reason}`);
    thread.committed?.();
    if (this.#stopping || this.#threads[thread.index] !== thread) return;
    this.#threads[thread.index] = undefined;
    this.#steer();
    if (this.hasLeft) this.#events.left();
    this.restarts.set(cause, this.restarts.get(cause)! + 1);
    this.#events.retired(thread);
    this.#events.died(thread.index, reason, stack);
    const young = performance.now() - thread.startedAt < YOUNG_MS;
    const wait = young ? this.#restartMs[thread.index]! : 0;
    this.#restartMs[thread.index] = young ? Math.min(wait * 2, MAX_RESTART_MS) : RESTART_MS;
    setTimeout(() => void this.#replace(thread.index), wait);
  }

  async #replace(index: number): Promise<void> {
    while (this.#deploying !== undefined) await this.#deploying;
    if (this.#stopping) return;
    const thread = this.#begin(index);
    this.#threads[index] = thread;
    if (!this.#plan) return;
    const replacing = this.#bringIn(thread, this.#plan);
    this.#replacing.add(replacing);
    await replacing;
    this.#replacing.delete(replacing);
  }

  async #bringIn(thread: Thread, plan: Plan): Promise<void> {
    const failure = await this.#prepare(thread, plan, this.#events.published());
    if (failure === undefined) await this.#commit(thread, plan);
    else end(thread, failure);
    this.#steer();
  }

  #prepare(thread: Thread, plan: Plan, published: ReadonlyMap<string, unknown>): Promise<string | undefined> {
    const sockets = this.#events.sockets(thread.index);
    return new Promise((resolve) => {
      const late = `worker ${thread.index} could not prepare in time`;
      const timer = setTimeout(() => thread.prepared?.(late), PREPARE_TIMEOUT_MS);
      thread.generation = plan.generation;
      thread.prepared = (failure) => {
        clearTimeout(timer);
        thread.prepared = undefined;
        if (failure === undefined && thread.state === "starting") thread.state = "ready";
        resolve(failure);
      };
      if (thread.state === "down") thread.prepared(`worker ${thread.index} is down`);
      else this.#send(thread, { kind: "prepare", plan, sockets, published });
    });
  }

  /** Who has prepared answers at once. Whose loop does not turn is ended, which settles it too. */
  #commit(thread: Thread, plan: Plan): Promise<void> {
    return new Promise((resolve) => {
      thread.committed = () => {
        thread.committed = undefined;
        if (thread.state === "ready") thread.state = "serving";
        resolve();
      };
      if (thread.state === "down") thread.committed();
      else this.#send(thread, { kind: "commit", generation: plan.generation });
    });
  }

  /** What has been said by now: it may be what the newest cells count. */
  #hearAll(thread: Thread): void {
    for (let said = receiveMessageOnPort(thread.port); said; said = receiveMessageOnPort(thread.port)) {
      this.#hear(thread, said.message as FromWorker);
    }
  }

  #hear(thread: Thread, message: FromWorker): void {
    if (message.kind === "described") {
      thread.descriptions.push(message.description);
    } else if (message.kind === "cellsLeft") {
      void this.#takeLeft(thread, message.descriptions);
    } else if (message.kind === "left") {
      thread.left = message.generation;
      if (this.hasLeft) this.#events.left();
    } else if (message.kind === "told") {
      this.#events.told(message.id, message.value, thread.index);
    } else if (message.generation === thread.generation) {
      if (message.kind === "committed") thread.committed?.();
      else thread.prepared?.(message.kind === "failed" ? message.reason : undefined);
    }
  }

  /** A scrape that is under way goes on with the descriptions that it has begun with. */
  async #takeLeft(thread: Thread, descriptions: readonly CellDescription[]): Promise<void> {
    const firsts = new Set(descriptions.map(({ first }) => first));
    thread.descriptions = thread.descriptions.filter(({ first }) => !firsts.has(first));
    await this.#events.cellsLeft(thread, descriptions);
    this.#send(thread, { kind: "reuse", descriptions });
  }

  #send(thread: Thread, message: ToWorker): void {
    thread.port.postMessage(message);
  }

  #lookAtHeartbeats(): void {
    const now = performance.now();
    // When this loop itself was held up, so may the workers have been (the whole process stood still): that counts as one
    // look, so their beats are not late before they have had time for one. It does count, as a process that may use little
    // of a CPU stands still in each tenth of a second, and a worker that hangs uses up what it may.
    const passed = now - this.#lookedAt > LATE_MS ? WATCH_MS : now - this.#lookedAt;
    this.#lookedAt = now;
    for (const thread of this.#threads) {
      if (!thread || thread.state === "down" || thread.state === "starting") continue;
      const beat = Atomics.load(thread.beat, 0);
      thread.silence = beat === thread.lastBeat ? thread.silence + passed : 0;
      thread.lastBeat = beat;
      thread.late = thread.silence > LATE_MS + BEAT_MS;
      if (thread.silence > STALL_MS && thread.reason === undefined) {
        end(thread, `its loop has not turned for ${Math.round(thread.silence)} ms`);
      }
    }
    this.#steer();
  }

  /** Whether somebody answers queries, or did until a moment ago, or has yet to begin: workers that hang or died are replaced. */
  get isAnswering(): boolean {
    return this.#lookedAt - this.#answeringAt < MAX_ABSENCE_MS;
  }

  /** Workers let go of the sockets that the plan in use has not. */
  release(): void {
    for (const thread of this.#threads) if (thread?.state === "serving") this.#send(thread, { kind: "release" });
  }

  /** Whether in no worker somebody waits for an answer by a socket that the plan in use has not. */
  get hasLeft(): boolean {
    const serving = this.#threads.filter((thread) => thread?.state === "serving") as Thread[];
    return serving.every(({ left }) => left === this.#plan?.generation);
  }

  #steer(): void {
    const serving = this.#threads.filter((thread) => thread?.state === "serving") as Thread[];
    const punctual = serving.filter(({ late }) => !late);
    if (punctual.length > 0) this.#answeringAt = this.#lookedAt;
    // All of them late is no reason to serve nobody.
    const live = (punctual.length > 0 ? punctual : serving).map(({ index }) => index);
    const key = live.join();
    if (key === this.#live || live.length === 0) return;
    this.#live = key;
    this.#events.steer(live);
  }
}

function end(thread: Thread, reason: string): void {
  thread.reason = reason;
  thread.abort.abort();
}

function causeOf(thread: Thread, error: unknown): RestartCause {
  if (thread.silence > STALL_MS) return "stall";
  return (error as NodeJS.ErrnoException)?.code === "ERR_WORKER_OUT_OF_MEMORY" ? "memory" : "error";
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Empty for whom we ended, or the heap's limit did: that stack is the pool's own. */
function stackOf(thread: Thread, error: unknown): string {
  const isOwn = !thread.abort.signal.aborted && causeOf(thread, error) === "error";
  return (isOwn && error instanceof Error && error.stack) || "";
}
