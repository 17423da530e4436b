/**
 * Is this answer known, and how old is it? A set-associative table of whole answers in slots of one size, shared by all
 * workers. A name's hash chooses a set of 16 slots; within it the answer stands anywhere. Words are of 32 bits.
 *
 *   header   16 words     number of sets, words a slot, number of tags that are not 0
 *   sets     48 a set, in three lines of the processor's cache:
 *      0 TAGS      16: hash of the key in each slot, 0 for a slot that is free
 *     16 DEADLINES 16: second in which what is in the slot makes room first; a hint, not part of the sums
 *     32 GHOSTS    15: hashes of newcomers that had to go, the next to be overwritten is in CONTROL
 *     47 CONTROL   bits 0-15 slots that have settled, 16-19 hand of newcomers, 20-23 hand of settled, 24-27 ghost
 *   slots    the first of all sets, then the second ones, up to the 16th: few answers touch few pages of memory
 *      0 VERSION   even: whole. Odd: a writer is inside: worker and time of its coming (`busyMark`)
 *      1 SUM_A     two running sums (Fletcher) over words 6 to the last of the answer
 *      2 SUM_B
 *      3 USES      how often it was asked for since it was last looked at, at most 3            } written by readers,
 *      4 HITS      hits in a row, the gaps between them shorter than what the reader wants      } without order: hints,
 *      5 SEEN_AT   milliseconds of the last hit or of the last attempt to renew it, 32 bits     } not part of the sums
 *      6 HASH
 *      7 QUESTION  type and class
 *      8 META      bits 0-7 length of the name, 8-9 DO and CD, 10 IS_RUN, 12-13 tier of the answer, 16-31 flags of the reply
 *      9 LENGTH    of the message up to its last record (16 bits), number of records (16 bits)
 *     10 TTL       seconds, the same for all records
 *     11 COUNTS    answer records, authority records
 *     12 -         additional records (16 bits), length of the message without compression (16 bits, 0: more than that)
 *     14 STORED_AT milliseconds on the server's clock, a 64-bit float
 *     16 name in lower case, filled up with zeros to a whole word
 *        records: the message from the word on in which its question ends, so that whole words can be copied behind a
 *        question of the same length; then where their TTLs are, 16 bits each
 *
 * Writer (any worker). It looks for the slot: of the same key, a free one, a dead one, or the one that S3-FIFO gives up.
 * In a large table each slot that it looked at would cost a line from main memory, so it decides by the set's own lines. It
 * claims the slot by exchanging VERSION for its mark; when another writer is inside, or comes first, the answer is not kept,
 * which costs a miss. It writes everything, then exchanges its mark for a new even VERSION, then writes the tag. A writer
 * that dies leaves its mark; after a second anyone whose turn the slot is may claim it over that. A writer that was only
 * asleep finds its mark gone and keeps its hands off; what it wrote into the slot before it looked does not fit the sums
 * that its successor has written, which are of what that one meant to write.
 *
 * Whoever forgets an answer claims its slot likewise, makes it one that died long ago and fits no key, and changes the tag
 * to 0 when it has given it back, if it is still the key's. Whoever changes a tag from or to 0 counts it.
 *
 * Reader (any worker). VERSION must be even. It compares the key, copies the answer into the reply while it adds up what
 * it reads, and looks at VERSION and the sums again: any difference is a miss. Lengths and offsets are checked before
 * they are used, so whatever stands in the memory, the reader stays in the slot and in the reply. It never waits and
 * never tries again. Its loads are plain ones, since an Atomics.load costs as much as the rest of the look-up: so VERSION
 * only finds out early what the sums decide. A torn copy would have to fit both of them, 64 bits in all.
 *
 * Even versions carry the worker's number and a count, so the same one comes again after 2^20 insertions of one worker:
 * a reader would have to sleep through all of them inside one copy, and the sums would still have to fit.
 *
 * Two workers that insert the same key at once may fill two slots. The first is read and renewed, the other ages away.
 *
 * Who makes room (bench/micro/eviction.ts): S3-FIFO. Newcomers keep NEWCOMERS slots of a set; one that is asked for again
 * before its turn settles, others leave a ghost, and a key that comes back while its ghost is there settles at once. So a
 * flood of names that nobody repeats passes through a fifth of the set. The queues are hands that go round the slots.
 */
import { MAX_MESSAGE_SIZE } from "../dns/header.ts";
import type { Reply } from "../dns/reply.ts";
import type { AnswerKey } from "./answer-key.ts";
import { compose, IS_RUN, nameWords, Slot, staged } from "./answer-words.ts";
import { busyMark, isAbandoned } from "./busy-mark.ts";
import { preferHugePages } from "./huge-pages.ts";

export const WAYS = 16;
/** Slots of a full set that newcomers may keep. */
const NEWCOMERS = 3;
/** A set is full at 16: with this many slots for each answer wanted, not one in a hundred sets overflows early. */
const SLOTS_PER_ANSWER = 1.6;
/** The hands of a set look at most so often at each slot: others may change what they look at meanwhile. */
const MAX_LOOKS = 8 * WAYS;
const HEADER_WORDS = 16;
export const Header = { SETS: 0, SLOT_WORDS: 1, OCCUPIED: 2 } as const;
const SET_WORDS = 48;
export const SetWord = { TAGS: 0, DEADLINES: WAYS, GHOSTS: 2 * WAYS, CONTROL: 47 } as const;
const GHOSTS = SetWord.CONTROL - SetWord.GHOSTS;

/** What became of an insertion. */
export const Stored = { DROPPED: 0, NEW: 1, RENEWED: 2, EVICTED: 3 } as const;
export type Stored = (typeof Stored)[keyof typeof Stored];

export class AnswerTable {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #sets: number;
  readonly #slotWords: number;
  readonly #slots: number;
  /** This worker's even versions: its number below, a count above. */
  #version: number;
  readonly #worker: number;

  /** The slot that `find` found, as an offset in words, and what stood in it. To be believed when `copyTo` says so. */
  #at = 0;
  #foundVersion = 0;
  ttl = 0;
  storedAt = 0;
  /** QR, opcode, AA, TC, RD, RA, Z, AD, CD and rcode of the answer. */
  flags = 0;
  /** 0 when the answer is in this slot, else which of the tables of larger slots it is in. */
  tier = 0;

  constructor(buffer: SharedArrayBuffer, worker: number) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    this.#floats = new Float64Array(buffer);
    this.#sets = this.#words[Header.SETS]!;
    this.#slotWords = this.#words[Header.SLOT_WORDS]!;
    this.#slots = setAt(this.#sets);
    this.#worker = worker & 0x3ff;
    this.#version = (this.#worker << 1) | (Math.floor(performance.timeOrigin) << 11);
  }

  /** Memory for at least about `answers` of at most `slotSize` bytes, a multiple of 64. `isFull`: all will be in use. */
  static allocate(answers: number, slotSize: number, isFull = false): SharedArrayBuffer {
    const sets = setsFor(answers);
    const buffer = new SharedArrayBuffer(AnswerTable.sizeOf(answers, slotSize));
    if (isFull) preferHugePages(buffer, setAt(sets) * 4);
    const header = new Int32Array(buffer, 0, HEADER_WORDS);
    header[Header.SETS] = sets;
    header[Header.SLOT_WORDS] = slotSize / 4;
    return buffer;
  }

  static sizeOf(answers: number, slotSize: number): number {
    const sets = setsFor(answers);
    return setAt(sets) * 4 + sets * WAYS * slotSize;
  }

  /** Slots in which there is an answer, alive or not. */
  get occupied(): number {
    return Atomics.load(this.#words, Header.OCCUPIED);
  }

  get slotSize(): number {
    return this.#slotWords * 4;
  }

  /**
   * Whether there is an answer for `key`; `ttl`, `storedAt`, `flags` and `tier` then describe it. It is looked for in `way` of its
   * set first; -1 when nobody has seen it.
   */
  find(key: AnswerKey, way = -1): boolean {
    const set = setOf(key.hash, this.#sets);
    if (way >= 0 && this.#open(this.#slotAt(set, way), key)) return true;
    return this.#wayOf(set, key) >= 0;
  }

  /**
   * Copies the answer that was found behind the question of `reply`, which must be as long as the key's, with `ttl` as
   * the TTL of all records. False when somebody changed the slot meanwhile; then `reply` holds nothing of use.
   */
  copyTo(reply: Reply, ttl: number): boolean {
    const words = this.#words;
    const at = this.#at;
    const lengths = words[at + Slot.LENGTH]!;
    const length = lengths & 0xffff;
    const records = lengths >>> 16;
    const { questionEnd } = reply;
    const meta = words[at + Slot.META]!;
    const nameEnd = at + Slot.BODY + nameWords(meta & 0xff);
    const firstWord = questionEnd >> 2;
    const bodyEnd = nameEnd + ((length + 3) >> 2) - firstWord;
    const end = bodyEnd + ((records + 1) >> 1);
    if (length < questionEnd || end > at + this.#slotWords) return false;
    if (!reply.reserve(length + 3 - (reply.end - reply.start))) return false;

    let a = 0;
    let b = 0;
    for (let i = at + Slot.HASH; i < nameEnd; i++) {
      a = (a + words[i]!) | 0;
      b = (b + a) | 0;
    }
    const bytes = reply.bytes;
    const start = reply.start;
    if ((start & 3) === 0 && (bytes === this.#viewOf || this.#makeView(bytes))) {
      const view = this.#view;
      let to = (start >> 2) + firstWord;
      for (let i = nameEnd; i < bodyEnd; i++) {
        const word = words[i]!;
        a = (a + word) | 0;
        b = (b + a) | 0;
        view[to++] = word;
      }
    } else {
      let to = start + (firstWord << 2);
      for (let i = nameEnd; i < bodyEnd; i++) {
        const word = words[i]!;
        a = (a + word) | 0;
        b = (b + a) | 0;
        bytes[to++] = word;
        bytes[to++] = word >> 8;
        bytes[to++] = word >> 16;
        bytes[to++] = word >> 24;
      }
    }
    for (let i = bodyEnd, left = records; i < end; i++) {
      const word = words[i]!;
      a = (a + word) | 0;
      b = (b + a) | 0;
      const low = word & 0xffff;
      const high = left > 1 ? word >>> 16 : low;
      left -= 2;
      if (low < questionEnd || low + 4 > length || high < questionEnd || high + 4 > length) return false;
      reply.setTtlAt(low, ttl);
      if (high !== low) reply.setTtlAt(high, ttl);
    }
    if (
      meta >>> 16 !== this.flags ||
      words[at + Slot.TTL] !== this.ttl ||
      this.#floats[(at + Slot.STORED_AT) >> 1] !== this.storedAt
    )
      return false;
    const counts = words[at + Slot.COUNTS]!;
    const additionals = words[at + Slot.ADDITIONALS]!;
    if (a !== words[at + Slot.SUM_A] || b !== words[at + Slot.SUM_B]) return false;
    if (words[at + Slot.VERSION] !== this.#foundVersion) return false;
    reply.counts[0] = counts & 0xffff;
    reply.counts[1] = counts >>> 16;
    reply.counts[2] = additionals & 0xffff;
    reply.end = start + length;
    reply.commonTtl = ttl;
    reply.plainLength = additionals >>> 16;
    reply.isDescribed = additionals >>> 16 !== 0;
    reply.addressRun = (meta & IS_RUN) === 0 ? 0 : counts & 0xffff;
    this.countUse();
    return true;
  }

  /** Plain stores that others may lose: no more than a hint, and none at all once it is known to be popular. */
  countUse(): void {
    const uses = this.#words[this.#at + Slot.USES]!;
    if (uses < 3) this.#words[this.#at + Slot.USES] = uses + 1;
  }

  /**
   * Keeps `reply`, whose question must be the key's, for `ttl` seconds from `now` (milliseconds). `tier` is not 0 for an
   * answer that is in another table; then only that is noted. Answers that are dead for `graceMs` make room first.
   */
  store(key: AnswerKey, reply: Reply, flags: number, ttl: number, now: number, graceMs: number, tier = 0): Stored {
    const words = this.#words;
    const set = setOf(key.hash, this.#sets);
    const busy = busyMark(this.#worker, now);
    let outcome: Stored = Stored.RENEWED;
    let way = this.#wayOf(set, key);
    if (way < 0) {
      outcome = Stored.NEW;
      way = this.#freeWay(set, now);
    }
    if (way < 0) {
      outcome = Stored.EVICTED;
      way = this.#victim(set);
    }
    const at = this.#slotAt(set, way);
    const before = words[at + Slot.VERSION]!;
    if ((before & 1) === 1 && !isAbandoned(before, busy)) return Stored.DROPPED;
    if (Atomics.compareExchange(words, at + Slot.VERSION, before, busy) !== before) return Stored.DROPPED;

    this.#write(at, compose(key, reply, flags, ttl, now, tier));
    if (outcome !== Stored.RENEWED) {
      words[at + Slot.USES] = 0;
      words[at + Slot.HITS] = 0;
      words[at + Slot.SEEN_AT] = now | 0;
      this.#settle(set, way, key.hash);
    }
    words[setAt(set) + SetWord.DEADLINES + way] = deadlineOf(now + ttl * 1_000 + graceMs);
    this.#version = (this.#version + 0x800) | 0;
    if (Atomics.compareExchange(words, at + Slot.VERSION, busy, this.#version) !== busy) return Stored.DROPPED;
    if (Atomics.exchange(words, setAt(set) + SetWord.TAGS + way, key.hash) === 0)
      Atomics.add(words, Header.OCCUPIED, 1);
    return outcome;
  }

  /** Whether an answer for `key` of these bytes would fit into a slot. */
  fits(key: AnswerKey, reply: Reply): boolean {
    if (reply.length > MAX_MESSAGE_SIZE) return false;
    const records = reply.counts[0]! + reply.counts[1]! + reply.counts[2]!;
    const body = ((reply.length + 3) >> 2) - (reply.questionEnd >> 2);
    return Slot.BODY + nameWords(key.name.length) + body + ((records + 1) >> 1) <= this.#slotWords;
  }

  /** Counts a hit of the slot that was found. Gives how many there were without a gap of more than `windowMs`. */
  countHit(now: number, windowMs: number): number {
    const words = this.#words;
    const at = this.#at;
    const gap = ((now | 0) - words[at + Slot.SEEN_AT]!) | 0;
    // Of two workers, the one that counts later may have received its query earlier.
    const hits = Math.abs(gap) <= windowMs ? words[at + Slot.HITS]! + 1 : 1;
    words[at + Slot.SEEN_AT] = now | 0;
    words[at + Slot.HITS] = hits;
    return hits;
  }

  /** Whether somebody writes in the set of `key`: its answer may be there in a moment. */
  isChanging(key: AnswerKey, now: number): boolean {
    const set = setOf(key.hash, this.#sets);
    const busy = busyMark(this.#worker, now);
    for (let way = 0; way < WAYS; way++) {
      const version = this.#words[this.#slotAt(set, way) + Slot.VERSION]!;
      if ((version & 1) === 1 && !isAbandoned(version, busy)) return true;
    }
    return false;
  }

  /** Forgets the answer for `key`, if it is there. */
  remove(key: AnswerKey, now: number): void {
    const set = setOf(key.hash, this.#sets);
    const way = this.#wayOf(set, key);
    if (way < 0) return;
    const words = this.#words;
    const at = this.#slotAt(set, way);
    const busy = busyMark(this.#worker, now);
    const before = words[at + Slot.VERSION]!;
    if ((before & 1) === 1 || Atomics.compareExchange(words, at + Slot.VERSION, before, busy) !== before) return;
    words[at + Slot.QUESTION] = 0;
    words[setAt(set) + SetWord.DEADLINES + way] = 0;
    this.#version = (this.#version + 0x800) | 0;
    if (Atomics.compareExchange(words, at + Slot.VERSION, busy, this.#version) !== busy) return;
    const tag = setAt(set) + SetWord.TAGS + way;
    if (Atomics.compareExchange(words, tag, key.hash, 0) === key.hash) Atomics.sub(words, Header.OCCUPIED, 1);
  }

  #slotAt(set: number, way: number): number {
    return this.#slots + (way * this.#sets + set) * this.#slotWords;
  }

  #wayOf(set: number, key: AnswerKey): number {
    const words = this.#words;
    const { hash } = key;
    const tags = setAt(set) + SetWord.TAGS;
    for (let way = 0; way < WAYS; way++) {
      if (words[tags + way] === hash && this.#open(this.#slotAt(set, way), key)) return way;
    }
    return -1;
  }

  /** Whether the slot is whole and `key`'s. */
  #open(at: number, key: AnswerKey): boolean {
    const words = this.#words;
    const version = words[at + Slot.VERSION]!;
    const meta = words[at + Slot.META]!;
    const { name } = key;
    if ((version & 1) === 1 || words[at + Slot.QUESTION] !== key.question) return false;
    if ((meta & 0x3ff) !== (name.length | (key.variant << 8))) return false;
    const { words: nameBytes, length } = name;
    const whole = length >> 2;
    const from = at + Slot.BODY;
    for (let i = 0; i < whole; i++) if (words[from + i] !== nameBytes[i]) return false;
    const rest = length & 3;
    if (rest !== 0 && words[from + whole] !== (nameBytes[whole]! & ((1 << (rest << 3)) - 1))) return false;
    this.#at = at;
    this.#foundVersion = version;
    this.ttl = words[at + Slot.TTL]!;
    this.storedAt = this.#floats[(at + Slot.STORED_AT) >> 1]!;
    this.flags = meta >>> 16;
    this.tier = (meta >> 12) & 3;
    return true;
  }

  /** The first slot that nobody misses, so that others stay untouched: free, or with an answer that nobody may have any more. */
  #freeWay(set: number, now: number): number {
    const words = this.#words;
    const second = Math.floor(now / 1_000);
    const deadlines = setAt(set) + SetWord.DEADLINES;
    for (let way = 0; way < WAYS; way++) if (words[deadlines + way]! <= second) return way;
    return -1;
  }

  #victim(set: number): number {
    const words = this.#words;
    const controlAt = setAt(set) + SetWord.CONTROL;
    let control = words[controlAt]!;
    let newcomers = WAYS;
    for (let bits = control & 0xffff; bits !== 0; bits &= bits - 1) newcomers--;
    let way = 0;
    for (let looks = 0; looks < MAX_LOOKS; looks++) {
      const shift = newcomers > NEWCOMERS || newcomers === WAYS ? 16 : 20;
      way = (control >> shift) & 15;
      control = (control & ~(15 << shift)) | (((way + 1) & 15) << shift);
      const settled = (control & (1 << way)) !== 0;
      if (settled !== (shift === 20)) continue;
      const uses = words[this.#slotAt(set, way) + Slot.USES]!;
      if (uses <= 0) {
        if (!settled) {
          const ghost = ((control >> 24) & 15) % GHOSTS;
          words[setAt(set) + SetWord.GHOSTS + ghost] = words[setAt(set) + SetWord.TAGS + way]!;
          control = (control & ~(15 << 24)) | ((ghost + 1) << 24);
        }
        break;
      }
      words[this.#slotAt(set, way) + Slot.USES] = settled ? uses - 1 : 0;
      if (!settled) {
        control |= 1 << way;
        newcomers--;
      }
    }
    words[controlAt] = control;
    return way;
  }

  /** Notes in which queue the new answer in `way` stands. */
  #settle(set: number, way: number, hash: number): void {
    const words = this.#words;
    const ghosts = setAt(set) + SetWord.GHOSTS;
    let settled = false;
    for (let i = 0; i < GHOSTS; i++) {
      if (words[ghosts + i] !== hash) continue;
      words[ghosts + i] = 0;
      settled = true;
    }
    const controlAt = setAt(set) + SetWord.CONTROL;
    const control = words[controlAt]!;
    words[controlAt] = settled ? control | (1 << way) : control & ~(1 << way);
  }

  /** The sums are of what is to stand in the slot, not of what stands there: somebody else may write into it too. */
  #write(at: number, end: number): void {
    const words = this.#words;
    let a = 0;
    let b = 0;
    for (let i: number = Slot.HASH; i < end; i++) {
      const word = staged[i]!;
      words[at + i] = word;
      a = (a + word) | 0;
      b = (b + a) | 0;
    }
    words[at + Slot.SUM_A] = a;
    words[at + Slot.SUM_B] = b;
  }

  /** The words of the buffer that replies are written into: nearly always the same one. */
  #makeView(bytes: Uint8Array): boolean {
    if ((bytes.byteOffset & 3) !== 0) return false;
    this.#view = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
    this.#viewOf = bytes;
    return true;
  }
  #viewOf: Uint8Array | undefined;
  #view: Int32Array = new Int32Array(0);
}

function setsFor(answers: number): number {
  return Math.max(1, Math.ceil((answers * SLOTS_PER_ANSWER) / WAYS));
}

const TO_FRACTION = 2 ** -32;
/** Which set of so many the hash's answers stand in: by its upper bits. */
export function setOf(hash: number, sets: number): number {
  return ((hash >>> 0) * sets * TO_FRACTION) | 0;
}

/** Where a set's own words begin; behind the last set's, slots do. */
export function setAt(set: number): number {
  return HEADER_WORDS + set * SET_WORDS;
}

/** `ms` in seconds, rounded up; whoever lives longer than 32 bits can say lives as long as they can. */
function deadlineOf(ms: number): number {
  return Math.min(Math.ceil(ms / 1_000), 0x7fffffff);
}
