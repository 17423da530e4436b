/**
 * Where is room for a row of so many words? Memory for rows of all sizes in one buffer that grows in place; one thread
 * gives it out, any number of others read what stands in it. All that is known about the memory itself is kept by the
 * writer, outside of it.
 *
 *   The buffer is cut into blocks of 32 KiB. A block holds rows of one size (classes lie at most a quarter apart), or
 *     is part of a
 *   run of blocks that holds one large row. Block 0 is never given out, so no row stands at 0.
 *   Of a free row the writer overwrites two words: 0 in the first, which no row in use begins with, and the next free
 *     row.
 *
 * Readers have views of the length that the buffer had when they last looked: these are as fast as those of a buffer
 * that does not grow, while views that follow the length cost twenty times as much (measured, Node 26). A row behind
 * the end of such a view was made later: its reader makes a new view.
 *
 * Blocks that are hardly used can be emptied (`sparseBlock`): their owner moves the rows that it finds there elsewhere.
 * Blocks that are free are used again for any size, the first ones first, and `releaseFree` offers those that are left
 * to whoever can return them.
 */
import { preferHugePages } from "./huge-pages.ts";

const BLOCK_WORDS = 8_192;
const BLOCK_BYTES = BLOCK_WORDS * 4;
/** Rows above this have blocks of their own. */
const MAX_SMALL = 2_048;
/** The buffer grows by an eighth, at least by this many blocks (1 MiB). */
const MIN_GROWTH = 32;
/** A block is sparse when less than a quarter of it is in use. */
const SPARSE = 0.25;
/** Blocks that are kept for those who make room: whoever removes something may need a row for what stays. */
const SPARE_BLOCKS = 8;
const FREE_BLOCK = 255;
const LARGE_HEAD = 254;
const LARGE_REST = 253;
const NONE = -1;

/** Words of a row in each class: even numbers up to 16, then four steps for each doubling. */
const SIZES: readonly number[] = listSizes();
/** The class by half the size. */
const CLASS_OF: Uint8Array = new Uint8Array(MAX_SMALL / 2 + 1);
for (let half = 0, found = 0; half < CLASS_OF.length; half++) {
  while (SIZES[found]! < 2 * half) found++;
  CLASS_OF[half] = found;
}

export class Heap {
  readonly buffer: SharedArrayBuffer;
  words: Int32Array;
  bytes: Uint8Array;
  /** Words in rows, counted as they take room. */
  used = 0;

  /** What is in each block: a class, or one of the marks above. */
  readonly #kind: Uint8Array;
  /** Rows in use in a block; of a large row's first block: its blocks. */
  readonly #count: Int32Array;
  /** How many rows of it were ever in use; those behind have no link. */
  readonly #carved: Int32Array;
  readonly #freeRow: Int32Array;
  /** Blocks of a class that have room are a list in both directions. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #first: Int32Array = new Int32Array(SIZES.length).fill(NONE);
  /** The block is being emptied, or full: it is in no list. */
  readonly #unlisted: Uint8Array;
  /** A free block that was in use since it was last offered by `releaseFree`. */
  readonly #touched: Uint8Array;
  #blocks: number;
  /** Blocks that hold something. */
  #inUse = 0;
  #lowestFree = 1;

  constructor(maxBytes: number, initialBytes = 256 * 1024) {
    const maxBlocks = Math.floor(maxBytes / BLOCK_BYTES);
    this.buffer = new SharedArrayBuffer(Math.min(initialBytes, maxBlocks * BLOCK_BYTES), {
      maxByteLength: maxBlocks * BLOCK_BYTES,
    });
    this.words = new Int32Array(this.buffer, 0, this.buffer.byteLength >> 2);
    this.bytes = new Uint8Array(this.buffer, 0, this.buffer.byteLength);
    this.#blocks = Math.floor(this.buffer.byteLength / BLOCK_BYTES);
    this.#kind = new Uint8Array(maxBlocks).fill(FREE_BLOCK);
    this.#kind[0] = LARGE_REST;
    this.#count = new Int32Array(maxBlocks);
    this.#carved = new Int32Array(maxBlocks);
    this.#freeRow = new Int32Array(maxBlocks);
    this.#next = new Int32Array(maxBlocks);
    this.#previous = new Int32Array(maxBlocks);
    this.#unlisted = new Uint8Array(maxBlocks);
    this.#touched = new Uint8Array(maxBlocks);
  }

  /** Bytes of blocks that hold something. */
  get blockBytes(): number {
    return this.#inUse * BLOCK_BYTES;
  }

  /**
   * Room for a row of `size` words, whose first word must not be 0 while it is in use; whatever stood there still does.
   * 0 when all is full, but for the blocks that are kept for those who remove something (`spare`).
   */
  allocate(size: number, spare = false): number {
    if (size > MAX_SMALL) return this.#allocateLarge(size, spare);
    const kind = CLASS_OF[(size + 1) >> 1]!;
    let block = this.#first[kind]!;
    if (block === NONE) {
      block = this.#takeBlocks(1, spare);
      if (block === NONE) return 0;
      this.#kind[block] = kind;
      this.#list(block);
    }
    const rowSize = SIZES[kind]!;
    let at = this.#freeRow[block]!;
    if (at !== 0) this.#freeRow[block] = this.words[at + 1]!;
    else at = block * BLOCK_WORDS + this.#carved[block]!++ * rowSize;
    this.#count[block]!++;
    this.used += rowSize;
    if (this.#freeRow[block] === 0 && (this.#carved[block]! + 1) * rowSize > BLOCK_WORDS) this.#unlist(block);
    return at;
  }

  /** The row is not seen by anybody any more. */
  free(at: number): void {
    const block = Math.floor(at / BLOCK_WORDS);
    const kind = this.#kind[block]!;
    if (kind === LARGE_HEAD) {
      const blocks = this.#count[block]!;
      this.used -= blocks * BLOCK_WORDS;
      for (let i = 0; i < blocks; i++) this.#returnBlock(block + i);
      return;
    }
    const left = --this.#count[block]!;
    this.used -= SIZES[kind]!;
    if (left === 0) {
      if (this.#unlisted[block] === 0) this.#unlist(block);
      this.#returnBlock(block);
      return;
    }
    this.words[at] = 0;
    this.words[at + 1] = this.#freeRow[block]!;
    this.#freeRow[block] = at;
    if (this.#unlisted[block] === FULL) this.#list(block);
  }

  /**
   * Chooses a block whose rows should move, and gives out no more of its rows; -1 when there is none. Its class keeps
   * other blocks with room. What is freed later goes to other blocks first, so a block that was chosen gets empty and
   * is free then.
   */
  sparseBlock(): number {
    for (let kind = 0; kind < SIZES.length; kind++) {
      const first = this.#first[kind]!;
      if (first === NONE) continue;
      for (let block = this.#next[first]!; block !== NONE; block = this.#next[block]!) {
        if (this.#count[block]! * SIZES[kind]! >= SPARSE * BLOCK_WORDS) continue;
        this.#unlist(block);
        this.#unlisted[block] = EMPTYING;
        return block;
      }
    }
    return NONE;
  }

  /** The next row in use of the block behind `at` (0: from its start); 0 when there is none. */
  nextRow(block: number, at: number): number {
    if (this.#kind[block]! >= LARGE_REST) return 0;
    const size = SIZES[this.#kind[block]!]!;
    const start = block * BLOCK_WORDS;
    const end = start + this.#carved[block]! * size;
    for (let row = at === 0 ? start : at + size; row < end; row += size) if (this.words[row] !== 0) return row;
    return 0;
  }

  /**
   * Calls `release` for each run of free blocks whose memory holds nothing but what was there. It reads as anything
   * afterwards.
   */
  releaseFree(release: (bytes: Uint8Array) => void): void {
    for (let block = 1; block < this.#blocks; block++) {
      const first = block;
      while (block < this.#blocks && this.#kind[block] === FREE_BLOCK && this.#touched[block] === 1) {
        this.#touched[block++] = 0;
      }
      if (block > first) release(this.bytes.subarray(first * BLOCK_BYTES, block * BLOCK_BYTES));
    }
  }

  #allocateLarge(size: number, spare: boolean): number {
    const blocks = Math.ceil(size / BLOCK_WORDS);
    const block = this.#takeBlocks(blocks, spare);
    if (block === NONE) return 0;
    this.#kind.fill(LARGE_REST, block + 1, block + blocks);
    this.#kind[block] = LARGE_HEAD;
    this.#count[block] = blocks;
    this.used += blocks * BLOCK_WORDS;
    return block * BLOCK_WORDS;
  }

  /** The first free run of so many blocks; the buffer grows when there is none. -1 when it cannot. */
  #takeBlocks(wanted: number, spare: boolean): number {
    const left = this.#kind.length - 1 - this.#inUse - wanted;
    if (left < (spare ? 0 : SPARE_BLOCKS)) return NONE;
    let run = 0;
    let block = this.#lowestFree;
    while (block < this.#blocks && this.#kind[block] !== FREE_BLOCK) block++;
    this.#lowestFree = block;
    for (; block < this.#blocks && run < wanted; block++) run = this.#kind[block] === FREE_BLOCK ? run + 1 : 0;
    if (run < wanted && !this.#grow(wanted - run)) return NONE;
    const first = block - run;
    this.#inUse += wanted;
    for (let i = first; i < first + wanted; i++) {
      this.#kind[i] = LARGE_REST;
      this.#count[i] = 0;
      this.#carved[i] = 0;
      this.#freeRow[i] = 0;
      this.#touched[i] = 1;
    }
    return first;
  }

  #returnBlock(block: number): void {
    this.#inUse--;
    this.#kind[block] = FREE_BLOCK;
    this.#unlisted[block] = 0;
    if (block < this.#lowestFree) this.#lowestFree = block;
  }

  #grow(atLeast: number): boolean {
    const max = this.#kind.length;
    if (this.#blocks + atLeast > max) return false;
    const blocks = Math.min(max, this.#blocks + Math.max(atLeast, MIN_GROWTH, this.#blocks >> 3));
    try {
      this.buffer.grow(blocks * BLOCK_BYTES);
    } catch {
      // The system has no more memory: the row is not kept, which its owner counts.
      return false;
    }
    preferHugePages(this.buffer);
    this.#blocks = blocks;
    this.words = new Int32Array(this.buffer, 0, blocks * BLOCK_WORDS);
    this.bytes = new Uint8Array(this.buffer, 0, blocks * BLOCK_BYTES);
    return true;
  }

  #list(block: number): void {
    const kind = this.#kind[block]!;
    const first = this.#first[kind]!;
    this.#next[block] = first;
    this.#previous[block] = NONE;
    if (first !== NONE) this.#previous[first] = block;
    this.#first[kind] = block;
    this.#unlisted[block] = 0;
  }

  #unlist(block: number): void {
    const next = this.#next[block]!;
    const previous = this.#previous[block]!;
    if (previous === NONE) this.#first[this.#kind[block]!] = next;
    else this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
    this.#unlisted[block] = FULL;
  }
}

/** Why a block is in no list. */
const FULL = 1;
const EMPTYING = 2;

function listSizes(): number[] {
  const sizes: number[] = [];
  for (let size = 4; size <= MAX_SMALL; size += size < 16 ? 2 : 2 ** Math.floor(Math.log2(size)) / 4) sizes.push(size);
  return sizes;
}
