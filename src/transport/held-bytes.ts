/**
 * Bytes that clients of streams make a worker hold, all of them together: of answers that they do not take, or of messages that
 * they do not end. A thousand connections that may hold 64 KiB each are more than a container has.
 */
import { roomLeft } from "../memory/pressure.ts";
import type { Connection } from "./connection.ts";
import { closeNow } from "./kernel-memory.ts";

/** What is left of `atMost` when it was too much: so all of them are measured once for many that are counted. */
const LEFT = 7 / 8;

export class HeldBytes {
  readonly #atMost: number;
  readonly #measure: (connection: Connection) => number;
  readonly #closed: () => void;
  /** Those that hold any, and how many when they were last measured. */
  readonly #held = new Map<Connection, number>();
  /** No less than what is held: what a client has taken since it was measured is still in it. */
  #sum = 0;

  /** `closed` is called for each connection that is closed because of it. */
  constructor(atMost: number, measure: (connection: Connection) => number, closed: () => void) {
    this.#atMost = atMost;
    this.#measure = measure;
    this.#closed = closed;
  }

  /** To be called when a connection may hold more than before, and when it is closed. */
  count(connection: Connection): void {
    this.#set(connection);
    const atMost = this.#atMost * roomLeft();
    if (this.#sum <= atMost) return;
    for (const holder of this.#held.keys()) this.#set(holder);
    if (this.#sum <= LEFT * atMost) return;
    for (const [holder] of [...this.#held].sort(([, one], [, other]) => other - one)) {
      this.#closed();
      closeNow(holder.socket);
      this.#set(holder);
      if (this.#sum <= LEFT * atMost) return;
    }
  }

  #set(connection: Connection): number {
    const bytes = connection.socket.destroyed ? 0 : this.#measure(connection);
    const before = this.#held.get(connection) ?? 0;
    this.#sum += bytes - before;
    if (bytes > 0) this.#held.set(connection, bytes);
    else if (before > 0) this.#held.delete(connection);
    return bytes;
  }
}
