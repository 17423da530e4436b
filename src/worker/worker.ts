/**
 * One worker: an engine, a UDP port, TCP servers, and the plan they serve. A plan is prepared beside the one in use, so
 * that nothing has to wait when it takes over between two batches.
 */
import { zoneToWire } from "../dns/name-text.ts";
import { type CellDescription, type Counter, CounterRow, UNCOUNTED_SERIES } from "../memory/counters.ts";
import { collectSoon, collectWhenGrown } from "../memory/retire.ts";
import { kernelBytesAtMost, streamBytesAtMost } from "../memory/shares.ts";
import { type Chain, linkChain } from "../plugin/chain.ts";
import { configureLogging, flushLog, Logger } from "../plugin/logger.ts";
import { type Handler, REFUSED } from "../plugin/outcome.ts";
import { type ListenerPlan, moduleOf, type Plan } from "../plugin/plan.ts";
import type { Plugin } from "../plugin/plugin.ts";
import { Transport } from "../plugin/query.ts";
import { type CellSource, DROPS, droppedCounter } from "../plugin/request-metrics.ts";
import { loadPlugins } from "../plugins/index.ts";
import { MAX_HELD, StreamMemory } from "../transport/stream-memory.ts";
import { Engine, Served, type Target } from "./engine.ts";
import { BEAT_MS, type FromWorker, type ToWorker, type WorkerStart } from "./messages.ts";
import { LOOK_MS } from "./overload.ts";
import { TcpServer } from "./tcp-server.ts";
import { UdpServer } from "./udp-server.ts";
import { UdpSockets } from "./udp-sockets.ts";
import { warmUp } from "./warm-up.ts";
import { ZoneRouter } from "./zone-router.ts";

/** How late a timer fires that should every BEAT_MS: how long queries may have to wait for the loop. */
const LAG_HELP = "How late the worker's loop came to a timer.";
const LAG_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];

/** Queries are answered in a few seconds, or somebody has forgotten them. */
const MAX_WAIT_MS = 10_000;
const SETTLE_LOOK_MS = 10;

/** A plan with its chains linked. */
interface Prepared {
  readonly plan: Plan;
  readonly served: ReadonlyMap<string, Served>;
  readonly chains: readonly Chain[];
  /** TCP servers and UDP sockets that the plan before did not have; they serve already. */
  readonly tcp: ReadonlyMap<string, TcpServer>;
  readonly udp: ReadonlyMap<string, number>;
  readonly receivers: Map<string, ((value: never) => void)[]>;
}

interface Linking {
  readonly generation: number;
  readonly receivers: Prepared["receivers"];
  readonly published: Map<string, unknown>;
}

export class Worker {
  readonly #start: WorkerStart;
  readonly #engine: Engine;
  readonly #udp: UdpServer;
  readonly #row: CounterRow;
  readonly #uncounted: Counter;
  readonly #log = new Logger();
  readonly #streamMemory: StreamMemory;
  readonly #tcp = new Map<string, TcpServer>();
  readonly #sockets: UdpSockets;
  /** Settles when what was asked at sockets that the plan in use has not is answered. */
  #leaving: Promise<unknown> = Promise.resolve();
  #current: Prepared | undefined;
  #next: Prepared | undefined;
  /** What a plan that is being linked has been given: other values may be published before it is done. */
  #linking: Linking | undefined;
  #done: () => void = () => {};

  constructor(start: WorkerStart) {
    this.#start = start;
    this.#row = new CounterRow(start.counters);
    this.#row.onGrown = (description) => this.#describe(description);
    this.#engine = new Engine(
      {
        panics: this.#row.counter("panics_total", "A metrics that counts the number of panics."),
        droppedByPlugin: this.#row.counter(...DROPS, { stage: "plugin", reason: "dropped" }),
        noQuery: this.#row.counter(...DROPS, { stage: "server", reason: "not_a_query" }),
        refused: this.#row.counter(...DROPS, { stage: "tcp", reason: "too_many_connections" }),
        badProxyHeader: this.#row.counter(...DROPS, { stage: "server", reason: "proxy_header" }),
      },
      start.count,
    );
    const untaken = this.#row.counter(...DROPS, { stage: "tcp", reason: "answers_not_taken" });
    const unfinished = this.#row.counter(...DROPS, { stage: "tcp", reason: "queries_not_whole" });
    this.#streamMemory = new StreamMemory(
      { held: streamBytesAtMost(MAX_HELD, start.count), inKernel: kernelBytesAtMost(start.count) },
      () => untaken.add(1),
      () => unfinished.add(1),
    );
    this.#uncounted = this.#row.counter(...UNCOUNTED_SERIES);
    this.#udp = new UdpServer(this.#engine, new Float64Array(start.statistics));
    this.#sockets = new UdpSockets(this.#udp);
  }

  /** Serves until the supervisor says stop. */
  run(): Promise<void> {
    const beat = new Int32Array(this.#start.heartbeat);
    const worker = { worker: String(this.#start.index) };
    const lag = this.#row.histogram("weftdns_worker_loop_lag_seconds", LAG_HELP, worker, LAG_BOUNDS);
    const waiting = this.#row.gauge("weftdns_queries_waiting", "Queries that wait for somebody's answer.", worker);
    let due = performance.now() + BEAT_MS;
    let lookAt = due;
    const timer = setInterval(() => {
      Atomics.add(beat, 0, 1);
      Atomics.store(beat, 1, this.#engine.streamed);
      const now = performance.now();
      lag.observe(Math.max(now - due, 0) / 1_000);
      due = now + BEAT_MS;
      waiting.set(this.#engine.waiting);
      this.#udp.beat(now);
      if (now < lookAt) return;
      lookAt = now + LOOK_MS - BEAT_MS / 2;
      this.#udp.lookForOverload(now);
    }, BEAT_MS);
    warmUp();
    collectWhenGrown(this.#start.count);
    Atomics.add(beat, 0, 1);
    return new Promise((resolve) => {
      this.#done = () => {
        clearInterval(timer);
        this.#start.port.close();
        flushLog();
        resolve();
      };
      this.#start.port.on("message", (message: ToWorker) => this.#hear(message));
    });
  }

  #say(message: FromWorker): void {
    this.#start.port.postMessage(message);
  }

  /**
   * Cells for rare cases are made when the case first comes up, so there may be new ones at any time. They are described
   * before the reply leaves, so whoever has it finds them in a scrape.
   */
  #describe(description: CellDescription | undefined): void {
    if (description !== undefined) {
      this.#say({ kind: "described", description });
      return;
    }
    this.#uncounted.add(1);
    if (!this.#warned)
      this.#log.warning("There is no room for more counters: what comes new from here on is not counted");
    this.#warned = true;
  }
  #warned = false;

  /** Nobody counts for this plan any more. What others count for too goes on. */
  #leaveCells({ listeners }: Plan): void {
    const descriptions = this.#row.leave(listeners);
    if (descriptions.length > 0) this.#say({ kind: "cellsLeft", descriptions });
  }

  #hear(message: ToWorker): void {
    if (message.kind === "prepare") void this.#prepare(message);
    else if (message.kind === "commit") void this.#commit(message.generation);
    else if (message.kind === "release") this.#sockets.release();
    else if (message.kind === "discard") void this.#discard(message.generation);
    else if (message.kind === "publish") this.#publish(message.id, message.value);
    else if (message.kind === "reuse") this.#row.reuse(message.descriptions);
    else void this.#stop(message.graceMs);
  }

  async #prepare({ plan, sockets, ...message }: Extract<ToWorker, { kind: "prepare" }>): Promise<void> {
    const chains: Chain[] = [];
    const tcp = new Map<string, TcpServer>();
    const udp = new Map<string, number>();
    const receivers: Prepared["receivers"] = new Map();
    const published = new Map(message.published);
    const linking: Linking = { generation: plan.generation, receivers, published };
    this.#linking = linking;
    configureLogging({ format: plan.logFormat, debug: plan.debug });
    try {
      const served = new Map<string, Served>();
      const plugins = await loadPlugins(plan.blocks.flatMap(({ elements }) => elements.map(moduleOf)));
      const measured = isMeasured(plan);
      for (const listener of plan.listeners) {
        const dropped = measured ? droppedCounter(this.#cells(listener)) : undefined;
        served.set(listener.id, await this.#link(plan, listener, plugins, linking, chains, dropped));
      }
      for (const listener of plan.listeners) {
        if (listener.transport !== Transport.UDP || this.#tcp.has(listener.id)) continue;
        const server = new TcpServer(this.#engine, served.get(listener.id)!, this.#streamMemory, (error) => {
          this.#log.error(`tcp ${listener.address}:${listener.port}: ${error.message}`);
        });
        tcp.set(listener.id, server);
        await server.listen();
      }
      for (const one of served.values()) {
        if (one.plan.transport === Transport.UDP) this.#sockets.open(one, sockets, udp);
      }
      if (this.#linking !== linking) throw new Error("nobody wants it any more");
      this.#next = { plan, served, chains, tcp, udp, receivers };
      this.#say({ kind: "prepared", generation: plan.generation });
    } catch (error) {
      for (const server of tcp.values()) void server.close(0);
      this.#sockets.discard(udp);
      await stopAll(chains);
      this.#leaveCells(plan);
      if (this.#linking === linking) {
        this.#say({ kind: "failed", generation: plan.generation, reason: reasonOf(error) });
      }
    } finally {
      if (this.#linking === linking) this.#linking = undefined;
      // The chains have it. Held here, the first values would outlast those that replace them.
      published.clear();
    }
  }

  /** One listener with its chains, each with its zone, in the order of the Corefile. They are put into `chains` too. */
  async #link(
    plan: Plan,
    listener: ListenerPlan,
    plugins: ReadonlyMap<string, Plugin>,
    { receivers, published }: Linking,
    chains: Chain[],
    dropped: Target["dropped"],
  ): Promise<Served> {
    const linked = new Map<number, Chain>();
    const turns = new Turns();
    const targets: { zone: Uint8Array; target: Target }[] = [];
    for (const route of listener.routes) {
      const block = plan.blocks[route.block]!;
      let chain = linked.get(route.block);
      if (!chain) {
        chain = await linkChain(block, plugins, block.zones.map(zoneToWire), {
          ...this.#cells(listener),
          worker: this.#start.index,
          workerCount: this.#start.count,
          subscribe: (id, receive) => {
            receivers.set(id, [...(receivers.get(id) ?? []), receive]);
            if (published.has(id)) receive(published.get(id) as never);
          },
          tell: (id, value) => this.#say({ kind: "told", id, value }),
        });
        linked.set(route.block, chain);
        chains.push(chain);
        await turns.take();
      }
      const zone = zoneToWire(route.zone);
      const { debug, stacktrace } = block;
      const { server } = listener;
      // Nobody is in such a chain who could count.
      const handler = chain.isEmpty ? refuseAll(dropped) : chain.handler;
      const { ahead } = chain;
      targets.push({ zone, target: { zone, handler, ahead, server, debug, stacktrace, dropped } });
    }
    const own = [...linked.values()];
    const answerBare = own.find((chain) => chain.answerBare)?.answerBare;
    const clientReader = own.find((chain) => chain.clientReader)?.clientReader;
    return new Served(listener, new ZoneRouter(targets), dropped, answerBare, clientReader);
  }

  /** Where what is counted for a listener of a plan goes. */
  #cells(listener: ListenerPlan): CellSource {
    const row = this.#row;
    return {
      server: listener.server,
      counter: (name, help, labels) => row.counter(name, help, labels, listener),
      counters: (name, help, labels, dimensions) => row.table(name, help, labels, dimensions, listener),
      histogram: (name, help, labels, bounds) => row.histogram(name, help, labels, bounds, listener),
    };
  }

  async #commit(generation: number): Promise<void> {
    const next = this.#next;
    if (next?.plan.generation !== generation) return;
    const before = this.#current;
    this.#current = next;
    this.#next = undefined;
    const listeners = [...next.served.values()].filter(({ plan }) => plan.transport === Transport.UDP);
    this.#sockets.take(listeners, next.udp);
    for (const served of listeners) {
      const { id } = served.plan;
      const opened = next.tcp.get(id);
      if (opened) this.#tcp.set(id, opened);
      else this.#tcp.get(id)?.switchTo(served);
    }
    const closing: Promise<void>[] = [];
    for (const id of before?.served.keys() ?? []) {
      if (next.served.has(id)) continue;
      closing.push(this.#tcp.get(id)?.leave() ?? Promise.resolve());
      this.#tcp.delete(id);
    }
    // Sockets where nobody waits have gone when the plan is said to be served.
    const own = this.#leaveSockets([...(before?.served.values() ?? [])], next.plan);
    this.#say({ kind: "committed", generation });
    this.#leaving = Promise.all([this.#leaving, own]);
    void this.#leaving.then(() => this.#say({ kind: "left", generation }));
    if (!before) return;
    await Promise.all(closing);
    await own;
    await this.#sockets.released();
    await emptied([...before.served.values()]);
    await stopAll(before.chains);
    this.#leaveCells(before.plan);
    collectSoon();
  }

  /** Settles when what was asked at sockets that `plan` has no more is answered; those of ports that it has not are then closed. */
  async #leaveSockets(before: readonly Served[], plan: Plan): Promise<void> {
    const leaving = before.filter((served) => this.#sockets.hasLeft(served.plan));
    if (leaving.some(({ waiting }) => waiting > 0)) await emptied(leaving);
    // A plan that came meanwhile may have taken some again, or be about to.
    while (this.#linking || this.#next) await new Promise((resolve) => setTimeout(resolve, SETTLE_LOOK_MS));
    const ports = new Set(plan.listeners.map(({ port }) => port));
    this.#sockets.letGo(leaving.map((served) => served.plan).filter(({ port }) => !ports.has(port)));
  }

  async #discard(generation: number): Promise<void> {
    const next = this.#next;
    if (this.#linking?.generation === generation) this.#linking = undefined;
    // A plan that could not be prepared has left nothing else.
    if (this.#current) configureLogging({ format: this.#current.plan.logFormat, debug: this.#current.plan.debug });
    if (next?.plan.generation !== generation) return;
    this.#next = undefined;
    for (const server of next.tcp.values()) await server.close(0);
    this.#sockets.discard(next.udp);
    await stopAll(next.chains);
    this.#leaveCells(next.plan);
  }

  #publish(id: string, value: unknown): void {
    this.#linking?.published.set(id, value);
    for (const prepared of [this.#current, this.#next, this.#linking]) {
      for (const receive of prepared?.receivers.get(id) ?? []) receive(value as never);
    }
  }

  /** Ends when every query that was taken has its answer, or the time is over. */
  async #stop(graceMs: number): Promise<void> {
    const until = performance.now() + graceMs;
    const closing = [...this.#tcp.values()].map((server) => server.close(graceMs));
    // What the kernel has queued by now is still read and answered: the loop must turn at least once more.
    await new Promise((resolve) => setTimeout(resolve, 20));
    while (this.#engine.waiting > 0 && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await Promise.all(closing);
    this.#sockets.close();
    for (const chain of this.#current?.chains ?? []) chain.stop();
    this.#done();
  }
}

/** Settles when no query waits any more in any of these, or when nobody waits for such an answer any more. */
async function emptied(all: readonly Served[]): Promise<void> {
  const until = performance.now() + MAX_WAIT_MS;
  while (all.some(({ waiting }) => waiting > 0) && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_LOOK_MS));
  }
}

/** Thousands of blocks are linked, and stopped, while queries come: the loop turns each time that this has taken so long. */
const TURN_MS = 2;

class Turns {
  #began = performance.now();

  async take(): Promise<void> {
    if (performance.now() - this.#began < TURN_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#began = performance.now();
  }
}

async function stopAll(chains: readonly Chain[]): Promise<void> {
  const turns = new Turns();
  for (const chain of chains) {
    chain.stop();
    await turns.take();
  }
}

/** What a block without plugins does (behaviour 2.7). */
function refuseAll(dropped: Target["dropped"]): Handler {
  return (query) => {
    dropped?.(query, REFUSED);
    return REFUSED;
  };
}

/** Whether some block asks for metrics; then those that all blocks share are counted too. */
function isMeasured({ blocks }: Plan): boolean {
  return blocks.some(({ elements }) => elements.some(({ plugin }) => plugin === "prometheus"));
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
