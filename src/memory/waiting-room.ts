/** Queries of one worker that wait for the same kind of thing: not more than so many, nor more than so many bytes of messages. */

/** What each keeps of its message, on the average of all. Larger ones, as TCP carries, count as several; most have under 100. */
const BYTES_OF_MESSAGE = 512;

export class WaitingRoom {
  readonly places: number;
  #taken = 0;
  #messageBytes = 0;

  constructor(places: number) {
    this.places = places;
  }

  /** How many wait. */
  get taken(): number {
    return this.#taken;
  }

  /** Whether there is room for a query with a message of so many bytes. */
  hasRoom(messageBytes: number): boolean {
    return this.#taken < this.places && this.#messageBytes + messageBytes <= this.places * BYTES_OF_MESSAGE;
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
