/**
 * What is scraped, put together: values from many rows of counters, and from elsewhere, added up by the name and labels
 * that they share. prom-client's registry writes each part of a family as it does a metric. A value's name with its labels
 * is made once, as text; so a scrape costs a sum and a line for each value.
 *
 * As in CoreDNS, a value with labels is there from its first event on, one without labels always.
 */
import type { CellDescription, CounterRow } from "../memory/counters.ts";

type Labels = Readonly<Record<string, string>>;
export type FamilyType = "counter" | "gauge" | "histogram";

/**
 * More than this are not told apart, whatever the configurations that came and went have named: those that nobody counts for
 * any more make room.
 */
const MAX_SERIES = 50_000;

/** A line of the text: prom-client writes the name, which has its labels already, and the value. */
interface Value {
  value: number;
  readonly metricName: string;
  /** Given, lest prom-client makes one for each line that it writes, and keeps it for a while. */
  readonly sharedLabels: Labels;
}

const NO_LABELS: Labels = {};
/** Written in a millisecond or two. */
const PART_VALUES = 2_000;

/** What prom-client's registry takes for a metric. */
export interface Part {
  get(): Promise<{ name: string; help: string; type: FamilyType; values: readonly Value[] }>;
}

class Series {
  /** One value; for a histogram one for each bucket, for those above, and the sum. */
  readonly totals: Float64Array;
  /** What workers counted that are no more. */
  readonly retired: Float64Array;
  readonly sortKey: string;
  readonly values: readonly Value[];
  readonly #bounds: readonly number[] | undefined;
  readonly #always: boolean;
  /** Somebody has said in this scrape what it is, be it nought. */
  present = false;
  /** Somebody counts for it, or did in the last scrape. */
  live = true;

  constructor(name: string, labels: Labels, bounds: readonly number[] | undefined) {
    const size = bounds === undefined ? 1 : bounds.length + 2;
    this.totals = new Float64Array(size);
    this.retired = new Float64Array(size);
    this.#bounds = bounds;
    const names = Object.keys(labels).sort();
    this.#always = names.length === 0;
    this.sortKey = names.map((label) => labels[label]).join("\0");
    const text = names.map((label) => `${label}="${escaped(labels[label]!)}"`).join(",");
    const all = text === "" ? "" : `{${text}}`;
    const line = (metricName: string): Value => ({ value: 0, metricName, sharedLabels: NO_LABELS });
    if (bounds === undefined) {
      this.values = [line(name + all)];
    } else {
      const bucket = `${name}_bucket{${text}${text === "" ? "" : ","}le="`;
      const ends = [...bounds.map(String), "+Inf"].map((le) => `${le}"}`);
      this.values = [
        // Two strings in one, of which all lines share the first.
        ...ends.map((end) => line(bucket + end)),
        line(`${name}_sum${all}`),
        line(`${name}_count${all}`),
      ];
    }
  }

  /** Whether it is to be shown; then `values` say what. */
  settle(isGauge: boolean): boolean {
    const { totals, values } = this;
    if (this.#bounds === undefined) {
      values[0]!.value = totals[0]!;
      return this.present || (!isGauge && (this.#always || totals[0] !== 0));
    }
    const last = this.#bounds.length;
    let count = 0;
    for (let bucket = 0; bucket <= last; bucket++) {
      count += totals[bucket]!;
      values[bucket]!.value = count;
    }
    values[last + 1]!.value = totals[last + 1]!;
    values[last + 2]!.value = count;
    return this.#always || count > 0;
  }
}

/** As the text format wants a label's value. */
function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (letter) => (letter === "\n" ? "\\n" : `\\${letter}`));
}

export class Family {
  readonly name: string;
  readonly help: string;
  readonly type: FamilyType;
  readonly #series = new Map<string, Series>();
  /** Sorted again when there are new ones. */
  #sorted: readonly Series[] = [];

  constructor(name: string, help: string, type: FamilyType) {
    this.name = name;
    this.help = help;
    this.type = type;
  }

  get size(): number {
    return this.#series.size;
  }

  find(labels: Labels): Series | undefined {
    return this.#series.get(keyOf(labels));
  }

  add(labels: Labels, bounds?: readonly number[]): Series {
    const series = new Series(this.name, labels, bounds);
    this.#series.set(keyOf(labels), series);
    return series;
  }

  /** Forgets the values of the last scrape, but for what has retired; to make room that too, where nobody counts any more. */
  restart(makesRoom: boolean): void {
    for (const [key, series] of this.#series) {
      if (makesRoom && !series.live) {
        this.#series.delete(key);
        this.#sorted = [];
      }
      series.totals.set(series.retired);
      series.present = false;
      series.live = false;
    }
  }

  /** What has values, in parts that are short enough to be written in one go. */
  *parts(): Generator<Part> {
    if (this.#sorted.length !== this.#series.size) {
      this.#sorted = [...this.#series.values()].sort((a, b) => (a.sortKey < b.sortKey ? -1 : 1));
    }
    const { name, help, type } = this;
    let values: Value[] = [];
    for (const series of this.#sorted) {
      if (!series.settle(type === "gauge")) continue;
      values.push(...series.values);
      if (values.length < PART_VALUES) continue;
      const full = values;
      values = [];
      yield { get: async () => ({ name, help, type, values: full }) };
    }
    if (values.length > 0) yield { get: async () => ({ name, help, type, values }) };
  }

  /** Whether it has anything to show. A family without values is left out, as CoreDNS does. */
  get isEmpty(): boolean {
    for (const series of this.#series.values()) if (series.settle(this.type === "gauge")) return false;
    return true;
  }
}

function keyOf(labels: Labels): string {
  return Object.keys(labels)
    .sort()
    .map((name) => `${name}\0${labels[name]}`)
    .join("\0");
}

export class Families {
  readonly #families = new Map<string, Family>();
  /** For each description of a row's cells: the series that each cell counts for, found when it first has a value. */
  readonly #blocks = new WeakMap<CellDescription, (Series | undefined)[]>();
  #count = 0;
  /** Values that were left out, in this scrape and before it began, since there are too many. */
  leftOut = 0;

  /** Begins a scrape. */
  restart(): void {
    for (const family of this.#families.values()) family.restart(this.leftOut > 0);
    this.#count = [...this.#families.values()].reduce((sum, { size }) => sum + size, 0);
    this.leftOut = 0;
  }

  /** Adds the values of some cells of a row. With `retire` they stay: the row's worker is gone, what it counted is not. */
  addCells(row: CounterRow, description: CellDescription, retire = false): void {
    if (description.kind === "histogram") this.#addHistogram(row, description, retire);
    else if (description.kind === "counter" || !retire) this.#addValues(row, description, retire);
  }

  /** Adds one value, for what stands in no row. */
  add(type: "counter" | "gauge", name: string, help: string, labels: Labels, value: number): void {
    const series = this.#seriesOf(fullName(name), help, type, labels);
    if (series === undefined) return;
    series.totals[0]! += value;
    series.present = true;
    series.live = true;
  }

  /** A histogram without any event yet. */
  declareHistogram(name: string, help: string, bounds: readonly number[]): void {
    this.#seriesOf(fullName(name), help, "histogram", NO_LABELS, bounds);
  }

  /** Those that have values, by name. */
  shown(): Family[] {
    return [...this.#families.values()].filter((family) => !family.isEmpty).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #addValues(row: CounterRow, description: CellDescription, retire: boolean): void {
    const { kind, first, count } = description;
    const block = this.#blockOf(description);
    for (let i = 0; i < count; i++) {
      const value = row.at(first + i);
      if (value === 0 && count > 1) continue;
      block[i] ??= this.#seriesOfCell(description, i);
      const series = block[i];
      if (series === undefined) continue;
      if (retire) series.retired[0]! += value;
      else series.totals[0]! += value;
      series.live ||= !retire;
      if (kind === "gauge") series.present = true;
    }
  }

  #addHistogram(row: CounterRow, description: CellDescription, retire: boolean): void {
    const { first, count, name, help, labels, bounds } = description;
    const block = this.#blockOf(description);
    block[0] ??= this.#seriesOf(fullName(name), help, "histogram", labels, bounds);
    const series = block[0];
    if (series === undefined || series.totals.length !== count) return;
    const to = retire ? series.retired : series.totals;
    series.live ||= !retire;
    for (let i = 0; i < count; i++) to[i]! += row.at(first + i);
  }

  #blockOf(description: CellDescription): (Series | undefined)[] {
    let block = this.#blocks.get(description);
    if (block === undefined) {
      block = [];
      this.#blocks.set(description, block);
    }
    return block;
  }

  #seriesOfCell({ kind, name, help, labels, dimensions }: CellDescription, index: number): Series | undefined {
    const all: Record<string, string> = { ...labels };
    let rest = index;
    for (const [label, values] of Object.entries(dimensions).reverse()) {
      all[label] = values[rest % values.length]!;
      rest = Math.floor(rest / values.length);
    }
    return this.#seriesOf(fullName(name), help, kind, all);
  }

  /** Undefined when there are too many, or when the name belongs to a family of another type. */
  #seriesOf(
    name: string,
    help: string,
    type: FamilyType,
    labels: Labels,
    bounds?: readonly number[],
  ): Series | undefined {
    let family = this.#families.get(name);
    if (family === undefined) {
      family = new Family(name, help, type);
      this.#families.set(name, family);
    }
    if (family.type !== type) return undefined;
    const known = family.find(labels);
    if (known) return known;
    if (this.#count >= MAX_SERIES) {
      this.leftOut++;
      return undefined;
    }
    this.#count++;
    return family.add(labels, bounds);
  }
}

/** Plugins leave out CoreDNS's prefix. What CoreDNS does not have begins with our own, and `process_` with none. */
function fullName(name: string): string {
  return name.startsWith("weftdns_") || name.startsWith("process_") ? name : `coredns_${name}`;
}
