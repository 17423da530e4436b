/** Makes the table of all entries. What it writes is described in `table.ts`. */
import { Name } from "../../dns/name.ts";
import { Pace } from "../../memory/pace.ts";
import { CLIENT } from "./config.ts";
import type { Answer, Entry } from "./entry.ts";
import { ANYBODY, FIRST_BUCKET, Host, type HostTable, hostHash, Kind, List, View } from "./table.ts";

/** A host of one entry. */
interface Part {
  readonly answer: Answer;
  readonly exports: readonly string[] | undefined;
}

/**
 * Of the entries as they are now; thousands take some turns of the thread. `namespace` as in the config: whose view of them is
 * built. Rejects with a RangeError when there is no memory for it.
 */
export async function buildTable(entries: Iterable<Entry>, namespace: string): Promise<HostTable> {
  const pace = new Pace();
  const parts = new Map<string, Part[]>();
  for (const { hosts, exports } of [...entries].sort(byAge)) {
    const turn = pace.turn();
    if (turn !== undefined) await turn;
    if (namespace !== CLIENT && !isVisible(exports, namespace)) continue;
    for (const { wire, answer } of hosts) {
      const key = Buffer.from(wire).toString("latin1");
      const part = { answer, exports: namespace === CLIENT ? exports : undefined };
      const others = parts.get(key);
      if (others === undefined) parts.set(key, [part]);
      else others.push(part);
    }
  }
  const builder = new Builder(parts.size);
  for (const [key, some] of parts) {
    const turn = pace.turn();
    if (turn !== undefined) await turn;
    builder.add(Buffer.from(key, "latin1"), some);
  }
  return builder.finish();
}

/** The oldest first, as Istio counts; the names decide among those of the same second. */
function byAge(a: Entry, b: Entry): number {
  if (a.createdMs !== b.createdMs) return a.createdMs - b.createdMs;
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.name < b.name ? -1 : Number(a.name > b.name);
}

function isVisible(exports: readonly string[] | undefined, namespace: string): boolean {
  return exports === undefined || namespace === "" || exports.includes(namespace);
}

class Builder {
  readonly #name = new Name();
  readonly #buckets: number;
  readonly #namespaces = new Map<string, number>();
  /** Where lists stand, by what they hold: hosts of the same addresses share one. */
  readonly #lists = new Map<string, number>();
  #words = new Int32Array(1_024);
  #bytes = new Uint8Array(this.#words.buffer);
  #end: number;
  #hosts = 0;

  constructor(hosts: number) {
    let buckets = 16;
    while (buckets < hosts * 2) buckets *= 2;
    this.#buckets = buckets;
    this.#end = FIRST_BUCKET + buckets;
    this.#reserve(0);
  }

  add(wire: Uint8Array, parts: readonly Part[]): void {
    const name = this.#name;
    name.set(wire);
    const isWildcard = wire[0] === 1 && wire[1] === ASTERISK;
    const host = this.#host(isWildcard ? 1 : 0, isWildcard ? Kind.WILDCARD : Kind.NAME);
    this.#hosts++;
    // Names above it exist, though they have nothing.
    for (let label = 1; label < name.labelCount; label++) {
      const above = this.#host(label, Kind.NAME);
      this.#words[above + Host.IS_ABOVE] = 1;
    }
    const common = parts.filter(({ exports }) => exports === undefined);
    if (common.length > 0) this.#view(host, ANYBODY, common);
    for (const namespace of new Set(parts.flatMap(({ exports }) => exports ?? []))) {
      this.#view(
        host,
        this.#namespace(namespace),
        parts.filter(({ exports }) => isVisible(exports, namespace)),
      );
    }
  }

  finish(): HostTable {
    const buffer = new SharedArrayBuffer(this.#end * 4);
    new Int32Array(buffer).set(this.#words.subarray(0, this.#end));
    return { buffer, buckets: this.#buckets, namespaces: [...this.#namespaces.keys()], hosts: this.#hosts };
  }

  /** The host that is the end of the name from label `label` on, made when it is not there. */
  #host(label: number, kind: Kind): number {
    const name = this.#name;
    const start = name.offsets[label]!;
    const length = name.length - start;
    const bucket = FIRST_BUCKET + (hostHash(name, label, kind) & (this.#buckets - 1));
    const key = (kind << 8) | length;
    const words = this.#words;
    for (let host = words[bucket]!; host !== 0; host = words[host + Host.NEXT]!)
      if (words[host + Host.KEY] === key && this.#isEnd(host, start)) return host;
    const host = this.#place(Host.NAME + ((length + 3) >> 2));
    this.#words[host + Host.KEY] = key;
    this.#bytes.set(name.bytes.subarray(start, name.length), (host + Host.NAME) * 4);
    this.#words[host + Host.NEXT] = this.#words[bucket]!;
    this.#words[bucket] = host;
    return host;
  }

  #isEnd(host: number, start: number): boolean {
    const { bytes, length } = this.#name;
    const at = (host + Host.NAME) * 4 - start;
    for (let i = start; i < length; i++) if (this.#bytes[at + i] !== bytes[i]) return false;
    return true;
  }

  #view(host: number, namespace: number, parts: readonly Part[]): void {
    const list = this.#list(parts);
    const view = this.#place(View.WORDS);
    this.#words[view + View.NAMESPACE] = namespace;
    this.#words[view + View.LIST] = list;
    this.#words[view + View.NEXT] = this.#words[host + Host.VIEW]!;
    this.#words[host + Host.VIEW] = view;
  }

  #list(parts: readonly Part[]): number {
    const ipv4 = distinct(parts.flatMap(({ answer }) => answer.ipv4));
    const ipv6 = distinct(parts.flatMap(({ answer }) => answer.ipv6));
    const targets = distinct(parts.flatMap(({ answer }) => answer.targets));
    const names = targets.flatMap((target) => [Uint8Array.of(target.length), target]);
    const content = Buffer.concat([...ipv4, ...ipv6, ...names]);
    const key = `${ipv4.length} ${ipv6.length} ${content.toString("latin1")}`;
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const list = this.#place(List.ADDRESSES + ((content.length + 3) >> 2));
    this.#words[list + List.IPV4] = ipv4.length;
    this.#words[list + List.IPV6] = ipv6.length;
    this.#words[list + List.TARGETS] = targets.length;
    this.#bytes.set(content, (list + List.ADDRESSES) * 4);
    this.#lists.set(key, list);
    return list;
  }

  #namespace(name: string): number {
    const known = this.#namespaces.get(name);
    if (known !== undefined) return known;
    this.#namespaces.set(name, this.#namespaces.size + 1);
    return this.#namespaces.size;
  }

  /** Room for so many words, which are 0. */
  #place(words: number): number {
    this.#reserve(words);
    const at = this.#end;
    this.#end += words;
    return at;
  }

  #reserve(words: number): void {
    let size = this.#words.length;
    while (size < this.#end + words) size *= 2;
    if (size === this.#words.length) return;
    const bigger = new Int32Array(size);
    bigger.set(this.#words);
    this.#words = bigger;
    this.#bytes = new Uint8Array(bigger.buffer);
  }
}

const ASTERISK = 0x2a;

/** Without repetitions, in the order of their first. */
function distinct(items: readonly Uint8Array[]): Uint8Array[] {
  if (items.length < 2) return [...items];
  return [...new Map(items.map((item) => [Buffer.from(item).toString("latin1"), item])).values()];
}
