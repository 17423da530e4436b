/**
 * Queries of one worker that wait for the same kind of thing: not more than so many, nor more than so many bytes of messages, and
 * fewer while memory is short.
 */
import { roomLeft } from "./pressure.ts";

/** What each keeps of its message, on the average of all. Larger ones, as TCP carries, count as several; most have under 100. */
const BYTES_OF_MESSAGE = 512;

export class WaitingRoom {
  readonly #most: number;
  #taken = 0;
  #messageBytes = 0;

  constructor(places: number) {
    this.#most = places;
  }

  /** How many may wait now. */
  get places(): number {
    return Math.ceil(this.#most * roomLeft());
  }

  /** How many wait. */
  get taken(): number {
    return this.#taken;
  }

  /** Whether there is room for a query with a message of so many bytes. */
  hasRoom(messageBytes: number): boolean {
    const { places } = this;
    return this.#taken < places && this.#messageBytes + messageBytes <= places * BYTES_OF_MESSAGE;
  }

  enter(messageBytes: number): void {
    this.#taken++;
    this.#messageBytes += messageBytes;
  }

  /** With what it entered with. */
  leave(messageBytes: number): void {
    this.#taken--;
    this.#messageBytes -= messageBytes;
  }
}
