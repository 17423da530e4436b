/**
 * What the writer keeps for each object besides its row: which version of it is held (`versionHash`), and in which list
 * it was seen last. A list that begins draws a new number, which everything that comes from then on bears; when it is
 * complete, what bears another one is gone.
 */
const LISTS = 255;

export class Held {
  #versions = new Int32Array(64);
  #seen = new Uint8Array(64);
  /** From 1 on; 0: not held. */
  #list = 1;
  count = 0;

  has(id: number): boolean {
    return id < this.#seen.length && this.#seen[id] !== 0;
  }

  /** As `versionHash` gave it. */
  version(id: number): number {
    return this.#versions[id]! >>> 0;
  }

  set(id: number, version: number): void {
    if (id >= this.#seen.length) this.#grow(id);
    if (this.#seen[id] === 0) this.count++;
    this.#versions[id] = version;
    this.#seen[id] = this.#list;
  }

  remove(id: number): void {
    if (!this.has(id)) return;
    this.#seen[id] = 0;
    this.count--;
  }

  beginList(): void {
    if (this.#list < LISTS) this.#list++;
    else {
      // Lists that broke off have left their numbers: they count as one.
      for (let id = 0; id < this.#seen.length; id++) if (this.#seen[id] !== 0) this.#seen[id] = 1;
      this.#list = 2;
    }
  }

  /** Whether it is held, but was not in the list that has begun last, nor has changed since. */
  isStale(id: number): boolean {
    return this.has(id) && this.#seen[id] !== this.#list;
  }

  #grow(id: number): void {
    const size = Math.max(id + 1, this.#seen.length * 2);
    const versions = new Int32Array(size);
    const seen = new Uint8Array(size);
    versions.set(this.#versions);
    seen.set(this.#seen);
    this.#versions = versions;
    this.#seen = seen;
  }
}
