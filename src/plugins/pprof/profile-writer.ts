/** Stacks of several threads into one profile, as `go tool pprof` reads it: compressed protocol buffers. */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { Function as Call, Label, Line, Location, Profile, Sample, StringTable, ValueType } from "pprof-format";
import type { CallFrame, Stack } from "./stacks.ts";

export interface Measure {
  readonly type: string;
  readonly unit: string;
}

export interface ProfileFacts {
  /** What the values of a stack are. */
  readonly measures: readonly Measure[];
  /** What happens once in `period` for a sample to be taken. */
  readonly per: Measure;
  readonly period: number;
  /** Milliseconds. */
  readonly startedAt: number;
  readonly durationMs: number;
}

const NANOSECONDS = 1_000_000n;

export class ProfileWriter {
  readonly #strings = new StringTable();
  readonly #samples: Sample[] = [];
  readonly #locations = new Map<string, Location>();
  /** Of each location one, with the same number. */
  readonly #calls: Call[] = [];

  add(thread: string, stacks: readonly Stack[]): void {
    const label = [new Label({ key: this.#text("thread"), str: this.#text(thread) })];
    for (const { frames, values } of stacks) {
      const locationId = frames.map((frame) => this.#location(frame));
      this.#samples.push(new Sample({ locationId, value: values.map(Math.round), label }));
    }
  }

  encode({ measures, per, period, startedAt, durationMs }: ProfileFacts): Promise<Buffer> {
    const profile = new Profile({
      sampleType: measures.map((measure) => this.#measure(measure)),
      sample: this.#samples,
      location: [...this.#locations.values()],
      function: this.#calls,
      stringTable: this.#strings,
      timeNanos: BigInt(Math.round(startedAt)) * NANOSECONDS,
      durationNanos: BigInt(Math.round(durationMs)) * NANOSECONDS,
      periodType: this.#measure(per),
      period,
    });
    return promisify(gzip)(profile.encode());
  }

  #text(text: string): number {
    return this.#strings.dedup(text);
  }

  #measure({ type, unit }: Measure): ValueType {
    return new ValueType({ type: this.#text(type), unit: this.#text(unit) });
  }

  #location({ functionName, url, lineNumber, columnNumber }: CallFrame): number {
    const key = `${functionName} ${url} ${lineNumber} ${columnNumber}`;
    const known = this.#locations.get(key);
    if (known) return Number(known.id);
    const file = url.replace(/^file:\/\//, "");
    const name = functionName === "" ? "(anonymous)" : functionName;
    const id = this.#calls.length + 1;
    const call = new Call({
      id,
      name: this.#text(name),
      systemName: this.#text(name),
      filename: this.#text(file),
      startLine: lineNumber + 1,
    });
    this.#calls.push(call);
    const line = [new Line({ functionId: id, line: lineNumber + 1 })];
    this.#locations.set(key, new Location({ id, line }));
    return id;
  }
}
