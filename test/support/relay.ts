/** A bad line between a server and its upstream: loses, delays, reorders and doubles datagrams, the same ones for the same seed. */
import { createSocket, type Socket } from "node:dgram";

export interface BadLine {
  readonly seed: number;
  /** Shares of all datagrams, in each direction. */
  readonly loss?: number;
  readonly twice?: number;
  /** Each datagram takes from the first to the second time: with that, they overtake each other. */
  readonly delayMs?: readonly [number, number];
}

export class Relay {
  readonly port: number;
  /** Datagrams that came from the server that asks, before any of them was lost. */
  sent = 0;
  readonly #socket: Socket;
  readonly #to: { readonly address: string; readonly port: number };
  readonly #line: BadLine;
  /** By the asking port: the socket that asks for it. */
  readonly #lines = new Map<number, Socket>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #state: number;

  private constructor(socket: Socket, to: { address: string; port: number }, line: BadLine) {
    this.#socket = socket;
    this.#to = to;
    this.#line = line;
    this.#state = line.seed;
    this.port = socket.address().port;
    socket.on("message", (bytes, from) => {
      this.sent++;
      const back = this.#lineFor(from.port, from.address);
      this.#pass(() => back.send(bytes, this.#to.port, this.#to.address));
    });
  }

  static async start(to: { address: string; port: number }, line: BadLine): Promise<Relay> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    return new Relay(socket, to, line);
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of [this.#socket, ...this.#lines.values()]) socket.close();
  }

  #lineFor(port: number, address: string): Socket {
    const known = this.#lines.get(port);
    if (known !== undefined) return known;
    const socket = createSocket("udp4");
    socket.on("message", (bytes) => this.#pass(() => this.#socket.send(bytes, port, address)));
    this.#lines.set(port, socket);
    return socket;
  }

  #pass(send: () => void): void {
    const { loss = 0, twice = 0, delayMs: [least, most] = [0, 0] } = this.#line;
    if (this.#random() < loss) return;
    for (let copies = this.#random() < twice ? 2 : 1; copies > 0; copies--) {
      const timer = setTimeout(
        () => {
          this.#timers.delete(timer);
          send();
        },
        least + (most - least) * this.#random(),
      );
      this.#timers.add(timer);
    }
  }

  /** mulberry32 */
  #random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  }
}
