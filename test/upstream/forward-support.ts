/** One forward stanza, control and serve half, without a server around it: asked as the worker asks a chain. */

import { placedText } from "../../src/corefile/mistake.ts";
import { parseCorefile } from "../../src/corefile/parser.ts";
import { Reading } from "../../src/dns/request.ts";
import { CounterRow } from "../../src/memory/counters.ts";
import { BlockSettings } from "../../src/plugin/block-settings.ts";
import type { ControlContext, ServeContext } from "../../src/plugin/context.ts";
import { Logger } from "../../src/plugin/logger.ts";
import { ANSWERED, type Handler, type Outcome } from "../../src/plugin/outcome.ts";
import { Query, Transport } from "../../src/plugin/query.ts";
import type { ForwardConfig } from "../../src/plugins/forward/config.ts";
import { control, type Published } from "../../src/plugins/forward/control.ts";
import { forward } from "../../src/plugins/forward/index.ts";
import { Forwarder } from "../../src/plugins/forward/serve.ts";
import { ADDRESS_SIZE, writeAddress } from "../../src/transport/packets.ts";
import { createPacketPort } from "../../src/transport/udp.ts";
import { Asker, type AskerOptions } from "../../src/upstream/asker.ts";
import { Board } from "../../src/upstream/board.ts";
import { awakeNow } from "../support/awake.ts";
import { Fakeup, type Script } from "../support/fakeup.ts";
import { type DecodedReply, decodeReply, encodeQuestion, type Question } from "../support/wire.ts";

/** The config of one stanza, whose lines are given; throws with the first mistake's text. */
export function parseForward(line: string, options: readonly string[] = []): ForwardConfig {
  const text = `. {\nforward ${line}${options.length > 0 ? ` {\n${options.join("\n")}\n}` : ""}\n}\n`;
  const { blocks, mistakes } = parseCorefile(text, { file: "Corefile", directives: ["forward"] });
  if (mistakes.length > 0) throw new Error(placedText(mistakes[0]!));
  const directive = blocks[0]!.directives[0]!;
  return forward.parse(directive, new BlockSettings()) as ForwardConfig;
}

export interface Result {
  readonly outcome: Outcome;
  readonly error: string;
  /** Undefined unless ANSWERED. */
  readonly reply: DecodedReply | undefined;
  readonly ms: number;
  /** Without pauses of the machine. */
  readonly awakeMs: number;
  /** The value of forward/upstream. */
  readonly upstream: string;
  readonly isShed: boolean;
}

export interface StartOptions extends Partial<AskerOptions> {
  readonly next?: Handler;
  readonly nextName?: string;
  /** Changes the query as a plugin before forward would. */
  readonly rewrite?: (query: Query) => void;
}

export class ForwardUnderTest {
  readonly row = new CounterRow();
  readonly asker: Asker;
  readonly told: unknown[] = [];
  board!: Board;
  /** Has what the control half gives come once more, as for a worker that takes another one's place. */
  publish!: () => void;
  #forwarder!: Forwarder;
  #stops: (() => void)[] = [];
  #stopControl: () => void = () => {};
  #provider: (query: Query) => string = () => "";
  readonly #rewrite: ((query: Query) => void) | undefined;

  private constructor(options: StartOptions) {
    this.#rewrite = options.rewrite;
    this.asker = new Asker({ openPort: (onBatch) => createPacketPort({}, onBatch), ...options });
  }

  static async start(
    line: string,
    lines: readonly string[] = [],
    options: StartOptions = {},
  ): Promise<ForwardUnderTest> {
    const config = parseForward(line, lines);
    const test = new ForwardUnderTest(options);
    let published: Published | undefined;
    let receive: (value: unknown) => void = () => {};
    const row = test.row;
    const controlContext = {
      log: new Logger("forward"),
      publish: (value: Published) => {
        published = value;
      },
      onTold: (told: (value: unknown) => void) => {
        receive = told;
      },
      counter: (name: string, help: string, labels = {}) => row.counter(name, help, labels),
    } as unknown as ControlContext;
    const running = await control(config, controlContext);
    test.#stopControl = () => void running.stop();
    test.board = new Board(published!.upstreams.length, published!.board);
    let slots = 0;
    const context = {
      next: options.next ?? ((query: Query) => query.fail(2, "plugin/forward: no next plugin found")),
      nextName: options.nextName,
      worker: 0,
      workerCount: 1,
      slot: () => slots++,
      counter: (name: string, help: string, labels = {}) => row.counter(name, help, labels),
      counters: row.table.bind(row),
      histogram: row.histogram.bind(row),
      provideMetadata: (_label: string, compute: (query: Query) => string) => {
        test.#provider = compute;
      },
      onPublished: (take: (value: unknown) => void) => {
        test.publish = () => take(published);
        test.publish();
      },
      tell: (value: unknown) => {
        test.told.push(value);
        setImmediate(() => receive(value));
      },
      onStop: (stop: () => void) => test.#stops.push(stop),
    } as unknown as ServeContext;
    test.#forwarder = new Forwarder(config, context, { asker: test.asker, release: () => test.asker.closeWhenIdle() });
    return test;
  }

  /** Asks as a client does, from 192.0.2.100 unless `from` says else; `over` is the client's transport. */
  async ask(question: Question | string): Promise<Result> {
    const asked = typeof question === "string" ? { ask: question } : question;
    const message = encodeQuestion(asked);
    const slot = new Uint8Array(message.length + 100);
    slot.set(message, 50);
    const query = new Query();
    query.reply.place(new Uint8Array(70_000), 0, 70_000);
    if (query.read(slot, 50, message.length) !== Reading.FINE) throw new Error("not a query");
    query.transport = asked.over === "tcp" ? Transport.TCP : Transport.UDP;
    query.receivedAt = performance.now();
    query.peers = new Uint8Array(ADDRESS_SIZE);
    const client = (asked.from ?? "192.0.2.100").split(".").map(Number);
    writeAddress(query.peers, 0, Uint8Array.from(client), 5_353);
    this.#rewrite?.(query);
    const began = performance.now();
    const awakeSince = awakeNow();
    let outcome = this.#forwarder.handle(query);
    if (typeof outcome !== "number") {
      query.own();
      // Whoever still reads the old place reads this.
      slot.fill(0xee);
      outcome = await outcome;
    }
    const ms = performance.now() - began;
    const awakeMs = awakeNow() - awakeSince;
    const upstream = this.#provider(query);
    const { isShed } = query;
    if (outcome !== ANSWERED) return { outcome, error: query.error, reply: undefined, ms, awakeMs, upstream, isShed };
    const length = query.reply.finish(query, query.sizeLimit);
    const { bytes, start } = query.reply;
    const reply = decodeReply(Buffer.from(bytes.slice(start, start + length)));
    if (reply.id !== message.readUInt16BE(0)) throw new Error("another id");
    return { outcome, error: query.error, reply, ms, awakeMs, upstream, isShed };
  }

  /** The sum of the cells of a family whose labels include `labels`. */
  count(name: string, labels: Readonly<Record<string, string>> = {}): number {
    let sum = 0;
    for (const description of this.row.descriptions) {
      if (description.name !== name) continue;
      const cells = this.row.read(description);
      const fixed = Object.entries(labels).filter(([key]) => !(key in description.dimensions));
      if (fixed.some(([key, value]) => description.labels[key] !== value)) continue;
      const [dimension] = Object.entries(description.dimensions);
      const wanted = dimension && labels[dimension[0]];
      if (wanted !== undefined) sum += cells[dimension![1].indexOf(wanted)]!;
      else sum += (description.kind === "histogram" ? cells.slice(0, -1) : cells).reduce((a, b) => a + b, 0);
    }
    return sum;
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#stopControl();
  }
}

/** A forwarder with fakeups, ended with the test. */
export async function setUp(
  t: { after(run: () => unknown): void },
  scripts: readonly Script[],
  options: readonly string[] = [],
  more: StartOptions & { tcp?: boolean } = {},
): Promise<{ forward: ForwardUnderTest; ups: Fakeup[] }> {
  const ups = await Promise.all(scripts.map((script) => Fakeup.start(script, { tcp: more.tcp ?? true })));
  const forward = await ForwardUnderTest.start(`. ${ups.map((up) => up.to).join(" ")}`, options, more);
  t.after(async () => {
    forward.stop();
    await Promise.all(ups.map((up) => up.stop()));
  });
  return { forward, ups };
}
