/**
 * A guide for changed messages: what takes a block of our sources that none has taken before is kept, and changed further.
 *
 * V8 itself counts the blocks, of all that is compiled once it was told to: import the modules behind the first `Coverage`.
 * To ask for the counts takes more than a millisecond, a message some microseconds, so messages run in batches, and only a
 * batch that took something new is run again, half by half, for those that did. What a single message does how often drowns
 * in a batch, so it is not asked for. V8 no longer sees each call of a function that it has optimized, but always the first
 * ones: two runs that are to be compared need a thread each.
 */
import { type Profiler, Session } from "node:inspector";
import { sized } from "./figures.ts";
import { changed, randomFrom } from "./mutate.ts";

/** For each character of a module's source 1 or 0, by the module's address. */
export type Marks = Map<string, Uint8Array>;

export class Coverage {
  /** Where blocks begin. V8 tells a block from what is around it only when it has run more or less often. */
  readonly borders: Marks = new Map();
  readonly #modules: RegExp;
  readonly #session = new Session();

  /** Looks at the modules whose address fits. */
  constructor(modules: RegExp) {
    this.#modules = modules;
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** What has run since the last call. */
  take(): Marks {
    const ran: Marks = new Map();
    this.#session.post("Profiler.takePreciseCoverage", (error, { result }) => {
      if (error) throw error;
      for (const { url, functions } of result) if (this.#modules.test(url)) this.#mark(ran, url, functions);
    });
    return ran;
  }

  #mark(ran: Marks, url: string, functions: readonly Profiler.FunctionCoverage[]): void {
    // The first time all functions are named, the one around the whole module among them.
    const size = Math.max(...functions.map(({ ranges }) => ranges[0]!.endOffset)) + 1;
    const borders = this.borders.get(url) ?? new Uint8Array(wholeWords(size));
    const marks = new Uint8Array(borders.length);
    ran.set(url, marks);
    this.borders.set(url, borders);
    // What stands inside follows upon what is around it.
    for (const { ranges } of functions)
      for (const { startOffset, endOffset, count } of ranges) {
        marks.fill(count > 0 ? 1 : 0, startOffset, endOffset);
        borders[startOffset] = borders[endOffset] = 1;
      }
  }
}

/** Marks are compared four at a time: V8 counts in this file, too. */
const wordsOf = (marks: Uint8Array) => new Uint32Array(marks.buffer);
const wholeWords = (size: number) => (size + 3) & ~3;

/** Adds the marks of `from`. */
export function join(to: Marks, from: Marks): void {
  for (const [url, marks] of from) {
    const known = to.get(url);
    if (known === undefined) to.set(url, marks.slice());
    else {
      const [more, words] = [wordsOf(marks), wordsOf(known)];
      for (let i = 0; i < words.length; i++) words[i]! |= more[i]!;
    }
  }
}

/** How many blocks ran. */
export function countBlocks(ran: Marks, borders: Marks): number {
  let blocks = 0;
  for (const [url, marks] of ran) {
    const starts = borders.get(url)!;
    for (let i = 0; i < marks.length; i++) blocks += marks[i]! & starts[i]!;
  }
  return blocks;
}

/** Whether something is marked in `ran` that is not in `seen`. */
function hasNew(ran: Marks, seen: Marks): boolean {
  for (const [url, marks] of ran) {
    const known = seen.get(url);
    if (known === undefined) return true;
    const [there, words] = [wordsOf(marks), wordsOf(known)];
    for (let i = 0; i < there.length; i++) if (there[i]! & ~words[i]!) return true;
  }
  return false;
}

/** Fewer, and asking for the counts takes nearly all of the time; more, and it takes long to find those that count. */
const BATCH = sized(200, 1_000);
/** Every second message is a changed one of the last that were found: what is rare leads to what is rarer. */
const LATEST = 32;

export interface Exploration {
  readonly coverage: Coverage;
  readonly seeds: readonly Buffer[];
  /** How many messages to run, those included that run again to be found; the last batch may exceed it. */
  readonly executions: number;
  readonly randomSeed: number;
  /** Whether to keep what is found; else it is only counted. */
  readonly isGuided: boolean;
  readonly run: (bytes: Buffer) => void;
}

/** Gives what all messages took. */
export function explore(exploration: Exploration): Marks {
  const { coverage, seeds, executions, isGuided, run } = exploration;
  const random = randomFrom(exploration.randomSeed);
  const corpus = [...seeds];
  const ran: Marks = new Map();
  let left = executions;

  const runAll = (batch: readonly Buffer[]): Marks => {
    left -= batch.length;
    for (const bytes of batch) run(bytes);
    return coverage.take();
  };
  /** Keeps those of a batch that take what is new in `taken`, which the whole batch has. */
  const keep = (batch: readonly Buffer[], taken: Marks): void => {
    if (batch.length === 1) {
      corpus.push(batch[0]!);
      join(ran, taken);
      return;
    }
    const middle = batch.length >> 1;
    for (const half of [batch.slice(0, middle), batch.slice(middle)]) {
      if (left <= 0 || !hasNew(taken, ran)) return;
      const halfTaken = runAll(half);
      if (hasNew(halfTaken, ran)) keep(half, halfTaken);
    }
  };
  const parent = (): Buffer => {
    const found = corpus.length - seeds.length;
    const latest = found > 0 && random() & 1;
    return corpus[latest ? corpus.length - 1 - (random() % Math.min(LATEST, found)) : random() % corpus.length]!;
  };

  coverage.take();
  join(ran, runAll(seeds));
  while (left > 0) {
    const batch = Array.from({ length: Math.min(BATCH, left) }, () => changed(parent(), random));
    const taken = runAll(batch);
    if (isGuided && hasNew(taken, ran)) keep(batch, taken);
    join(ran, taken);
  }
  return ran;
}
