/** What a reflector may say of itself: whether it is equal to the API, and when it heard of it last. */
import type { ReflectorState } from "./resource.ts";

/** An API that cannot go on from our version says so at once: a watch that has said nothing for so long is a good one. */
const TRUST_MS = 500;

export class Standing {
  state: ReflectorState = "starting";
  lastContact = Number.NEGATIVE_INFINITY;
  readonly #idleMs: number;
  readonly #onChange: (state: ReflectorState) => void;
  readonly #onWell: () => void;
  /** Nothing has gone wrong since the last good word. */
  #isWell = false;
  #trustTimer: NodeJS.Timeout | undefined;
  #doubtTimer: NodeJS.Timeout | undefined;

  /** Silence is doubtful after `idleMs`. `onWell` is called when all is well again, or for the first time. */
  constructor(idleMs: number, onChange: (state: ReflectorState) => void, onWell: () => void) {
    this.#idleMs = idleMs;
    this.#onChange = onChange;
    this.#onWell = onWell;
  }

  /** Something came on a watch, of which it is not known yet whether it is good. */
  contact(): void {
    this.lastContact = performance.now();
    if (this.#isWell) return;
    clearTimeout(this.#doubtTimer);
    this.#doubtTimer = undefined;
    this.#trustTimer ??= setTimeout(() => this.#trust(), TRUST_MS);
  }

  /** The API has answered, and has nothing of the resource. */
  heard(): void {
    this.lastContact = performance.now();
  }

  /** A good event came, or a list is complete. */
  well(): void {
    this.lastContact = performance.now();
    this.#trust();
  }

  /** The watch has ended; what it would have said next is not known. */
  unwatched(): void {
    clearTimeout(this.#trustTimer);
    this.#trustTimer = undefined;
  }

  /** The connection is lost: doubt begins when nothing has been heard for as long as a quiet watch may be silent. */
  lostContact(): void {
    this.#isWell = false;
    if (this.state !== "synced" || this.#doubtTimer !== undefined) return;
    const left = this.lastContact + this.#idleMs - performance.now();
    this.#doubtTimer = setTimeout(() => this.doubt(), Math.max(0, left)).unref();
  }

  /** Changes have been missed. */
  doubt(): void {
    this.#isWell = false;
    if (this.state === "synced") this.#become("doubtful");
  }

  stop(): void {
    clearTimeout(this.#trustTimer);
    clearTimeout(this.#doubtTimer);
    this.#become("stopped");
  }

  #trust(): void {
    if (this.#isWell) return;
    this.#isWell = true;
    clearTimeout(this.#doubtTimer);
    this.#doubtTimer = undefined;
    this.#become("synced");
    this.#onWell();
  }

  #become(state: ReflectorState): void {
    if (this.state === state || this.state === "stopped") return;
    this.state = state;
    this.#onChange(state);
  }
}
