/**
 * A steady stream of queries to a server, a fixed number a second whatever the server does, so that a gap in its service
 * shows as queries without an answer.
 */
import { createSocket, type Socket } from "node:dgram";
import { awakeNow } from "./awake.ts";
import { encodeQuestion } from "./wire.ts";

export interface LoadOptions {
  /** 400 when absent. */
  readonly perSecond?: number;
  /** `www.example.org. A` when absent. */
  readonly ask?: string;
  /** The rcode that every answer must have; NOERROR when absent. */
  readonly rcode?: number;
}

export interface LoadResult {
  readonly asked: number;
  readonly lost: number;
  /** Answers with another rcode. */
  readonly wrong: number;
  /** The longest that an answer took, and the longest time without any answer, in milliseconds without the machine's pauses. */
  readonly slowestMs: number;
  readonly longestGapMs: number;
}

/** Whatever has no answer by then has none. */
const ANSWER_MS = 2_000;
const TICK_MS = 5;
/** Sockets in turn, so that the server sees several clients. */
const SOCKETS = 8;

export class SteadyLoad {
  readonly #port: number;
  readonly #sockets: Socket[] = [];
  /** When each query was sent, by socket and id. */
  readonly #waiting = new Map<number, number>();
  readonly #question: Buffer;
  readonly #rcode: number;
  readonly #timer: NodeJS.Timeout;
  #asked = 0;
  #wrong = 0;
  #slowest = 0;
  #lastAnswer = awakeNow();
  #longestGap = 0;

  constructor(port: number, { perSecond = 400, ask = "www.example.org. A", rcode = 0 }: LoadOptions = {}) {
    this.#port = port;
    this.#question = encodeQuestion({ ask }, 0);
    this.#rcode = rcode;
    for (let i = 0; i < SOCKETS; i++) this.#open(i);
    const from = awakeNow();
    this.#timer = setInterval(() => {
      // What was due while the machine stood still is not asked in one burst.
      const due = ((awakeNow() - from) * perSecond) / 1_000;
      while (this.#asked < due) this.#send();
    }, TICK_MS);
  }

  get asked(): number {
    return this.#asked;
  }

  get answered(): number {
    return this.#asked - this.#waiting.size;
  }

  /** Asks no more, and waits for the answers that are still to come. */
  async stop(): Promise<LoadResult> {
    clearInterval(this.#timer);
    const until = performance.now() + ANSWER_MS;
    while (this.#waiting.size > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const socket of this.#sockets.splice(0)) socket.close();
    return {
      asked: this.#asked,
      lost: this.#waiting.size,
      wrong: this.#wrong,
      slowestMs: Math.round(this.#slowest),
      longestGapMs: Math.round(this.#longestGap),
    };
  }

  #open(index: number): void {
    const socket = createSocket("udp4");
    socket.on("error", () => {});
    socket.on("message", (reply) => {
      const key = index * 65_536 + reply.readUInt16BE(0);
      const sentAt = this.#waiting.get(key);
      if (sentAt === undefined) return;
      this.#waiting.delete(key);
      const now = awakeNow();
      this.#slowest = Math.max(this.#slowest, now - sentAt);
      this.#longestGap = Math.max(this.#longestGap, now - this.#lastAnswer);
      this.#lastAnswer = now;
      if ((reply[3]! & 15) !== this.#rcode) this.#wrong++;
    });
    this.#sockets.push(socket);
  }

  #send(): void {
    const index = this.#asked % SOCKETS;
    const id = Math.floor(this.#asked / SOCKETS) & 0xffff;
    this.#asked++;
    const query = Buffer.from(this.#question);
    query.writeUInt16BE(id, 0);
    this.#waiting.set(index * 65_536 + id, awakeNow());
    this.#sockets[index]!.send(query, this.#port, "127.0.0.1");
  }
}
