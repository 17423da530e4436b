/**
 * What the parts of the table's writer share: its memory, what waits to be freed, and whom to tell of objects that are
 * absurd.
 */
import { FIRST_ID, HashIndex } from "../../memory/hash-index.ts";
import { Heap } from "../../memory/heap.ts";
import { KeyedHash, randomKey } from "../../memory/keyed-hash.ts";
import { RetiredList, SECTION_WORDS } from "../../memory/read-sections.ts";
import { RETIRED_ROW, RowDirectory } from "../../memory/row-directory.ts";
import { versionHash } from "../api/resource.ts";
import { Header } from "./layout.ts";
import { RowText } from "./row-text.ts";

/** Of so many absurdities each is told once; then they are only counted. */
const MAX_TOLD = 4_096;

export class TableCore {
  readonly heap: Heap;
  readonly header: Int32Array = new Int32Array(
    new SharedArrayBuffer((Header.SECTIONS + SECTION_WORDS) * Int32Array.BYTES_PER_ELEMENT),
  );
  readonly hash: KeyedHash;
  readonly retired: RetiredList;
  /** A key that is looked up is put together here. */
  readonly key: RowText = new RowText(1_024);
  absurd = 0;

  readonly #directories: RowDirectory[] = [];
  readonly #told = new Set<number>();
  readonly #now: () => number;
  readonly #onAbsurd: (object: string, reason: string) => void;

  constructor(now: () => number, onAbsurd: (object: string, reason: string) => void, maxBytes: number) {
    this.heap = new Heap(maxBytes);
    this.#now = now;
    this.#onAbsurd = onAbsurd;
    const key = randomKey();
    this.header.set(key, Header.KEYS);
    this.hash = new KeyedHash(...key);
    this.retired = new RetiredList(this.header, Header.SECTIONS, (what, value) => {
      if (what === RETIRED_ROW) this.heap.free(value);
      else this.#directories[what]!.freeId(value);
    });
  }

  /** A directory of this table. Ids that it gives up come back to it. */
  directory(kind: number, cell: number): RowDirectory {
    const retire = (what: number, value: number): void => this.retired.add(what, value);
    const directory = new RowDirectory(kind, this.heap, this.header, cell, retire);
    this.#directories[kind] = directory;
    return directory;
  }

  /** An index of this table; `enumerate` puts everything that is in it into it again. */
  index(cell: number, enumerate: (index: HashIndex) => void): HashIndex {
    return new HashIndex(this.heap, this.header, cell, (row) => this.retired.add(RETIRED_ROW, row), enumerate);
  }

  /** An answer has changed. */
  touch(): void {
    Atomics.store(this.header, Header.SERIAL, Math.floor(this.#now() / 1_000));
    Atomics.add(this.header, Header.CHANGES, 1);
  }

  refuse(kind: string, namespace: string, name: string, reason: string): void {
    this.absurd++;
    if (this.#told.size >= MAX_TOLD) return;
    const what = `${kind} ${namespace.slice(0, 64)}/${name.slice(0, 64)}`;
    const hash = versionHash(what, reason);
    if (this.#told.has(hash)) return;
    this.#told.add(hash);
    this.#onAbsurd(what, reason);
  }

  /** Copies a row that was made elsewhere into the heap; its first word is `mark`. 0 when there is no memory. */
  place(draft: Int32Array, length: number, mark: number, spare = false): number {
    const row = this.heap.allocate(length, spare);
    if (row === 0) return 0;
    const { words } = this.heap;
    words[row] = mark;
    for (let i = 1; i < length; i++) words[row + i] = draft[i]!;
    return row;
  }

  /** Whether the row at `row` is `draft` from its second word on. */
  isSame(row: number, draft: Int32Array, length: number): boolean {
    const { words } = this.heap;
    for (let i = 1; i < length; i++) if (words[row + i] !== draft[i]) return false;
    return true;
  }

  /** The id in `index` under `hash` for which `matches` says that it is the one; 0 when there is none. */
  find(index: HashIndex, hash: number, matches: (id: number) => boolean): number {
    const probe = index.probe(hash);
    for (let id = probe.next(); id >= FIRST_ID; id = probe.next()) if (matches(id)) return id;
    return 0;
  }
}
