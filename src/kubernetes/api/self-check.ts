/**
 * Are we still equal to what the API has? A watch that loses events does so without a word, and nothing would heal it. So from
 * time to time a consistent list, of names and versions only, is compared with the sink. What differs is looked at again after
 * the watch has had time to bring it; what then still stands as it stood was missed, is fetched and put right.
 */
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import type { ApiClient, Parameters } from "./client.ts";
import { ListSplitter } from "./documents.ts";
import { pageList } from "./list.ts";
import { asObject, hashOf, isOlder } from "./objects.ts";
import { type KubernetesObject, type Log, type ResourceSink, versionHash } from "./resource.ts";

/** For servers that cannot, the whole objects are as good. */
export const METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/** The reflector, as far as it is needed here. */
export interface SelfCheckTarget {
  readonly client: ApiClient;
  readonly path: string;
  readonly selectors: Parameters;
  readonly sink: ResourceSink;
  readonly refused: Refused;
  readonly log: Log;
  readonly plural: string;
  readonly signal: AbortSignal;
  readonly listMs: number;
  readonly graceMs: number;
  /** Up to where the watch has come. */
  version(): string;
  upsert(object: KubernetesObject): void;
  remove(object: KubernetesObject): void;
  relist(why: string): void;
  /** The connection that has lost something is not to be trusted further. */
  renewWatch(): void;
}

/** Something that stands in the list otherwise than in the sink, and how it stood in the sink. */
interface Suspect {
  readonly namespace: string;
  readonly name: string;
  readonly held: number | undefined;
}

/** More than this are not fetched one by one. */
const MAX_FETCHED = 200;
/** Names that are looked at before others have their turn: a few milliseconds. */
const KEYS_A_TURN = 1_000;

/** Gives how many objects were wrong. Rejects when the API does not answer. */
export async function selfCheck(target: SelfCheckTarget): Promise<number> {
  const began = target.version();
  const { suspects, version } = await compare(target);
  if (isOlder(version, began)) {
    target.relist("the API has been set back to an older version");
    return 0;
  }
  if (suspects.length === 0) return 0;
  await sleep(target.graceMs, undefined, { signal: target.signal });
  const missed: Suspect[] = [];
  for (const [i, suspect] of suspects.entries()) {
    if ((i + 1) % KEYS_A_TURN === 0) await setImmediate();
    if (target.sink.versionOf(suspect.namespace, suspect.name) === suspect.held) missed.push(suspect);
  }
  if (missed.length > MAX_FETCHED) {
    target.relist(`${missed.length} objects differ from a fresh list`);
    return missed.length;
  }
  let repaired = 0;
  for (const suspect of missed) if (await repair(target, suspect)) repaired++;
  if (repaired > 0) {
    target.log.warning(`${target.plural}: ${repaired} objects differed from a fresh list and are repaired`);
    target.renewWatch();
  }
  return repaired;
}

/**
 * What the sink would not have, in the versions that it has seen: not being there, these are as they should be. Notes are
 * taken of some number only; the rest would be fetched with each comparison.
 */
export class Refused {
  /** By `keyHash`: `hashOf`. */
  readonly #versions = new Map<number, number>();

  clear(): void {
    this.#versions.clear();
  }

  note(object: KubernetesObject): void {
    const key = keyHash(object.metadata.namespace, object.metadata.name);
    if (this.#versions.size < MAX_REFUSED || this.#versions.has(key)) this.#versions.set(key, hashOf(object));
  }

  has(object: KubernetesObject): boolean {
    return this.#versions.get(keyHash(object.metadata.namespace, object.metadata.name)) === hashOf(object);
  }
}
const MAX_REFUSED = 100_000;

async function compare(target: SelfCheckTarget): Promise<{ suspects: Suspect[]; version: string }> {
  const { sink } = target;
  let suspects: Suspect[] = [];
  /** `keyHash` of all names of the list. Two that share one hide a missed deletion, not more. */
  const listed = new Set<number>();
  const version = await pageList({
    ...target,
    ...readOptions(target),
    accept: METADATA_ONLY,
    begin: () => {
      suspects = [];
      listed.clear();
    },
    retry: (error) => Promise.reject(error),
    receive: (value) => {
      const object = asObject(value);
      if (object === undefined) return;
      const { namespace, name } = object.metadata;
      listed.add(keyHash(namespace, name));
      const held = sink.versionOf(namespace, name);
      if (held === undefined && target.refused.has(object)) return;
      if (held !== hashOf(object)) suspects.push({ namespace, name, held });
    },
  });
  let looked = 0;
  for (const { namespace, name } of sink.keys()) {
    if (++looked % KEYS_A_TURN === 0) await setImmediate();
    if (listed.has(keyHash(namespace, name))) continue;
    suspects.push({ namespace, name, held: sink.versionOf(namespace, name) });
  }
  return { suspects, version };
}

/**
 * Asks for the object as the watch would bring it: through the selectors, which a request for a single object has not. What
 * the sink refuses is no repair.
 */
async function repair(target: SelfCheckTarget, { namespace, name, held }: Suspect): Promise<boolean> {
  let found: KubernetesObject | undefined;
  const objects = new ListSplitter((value) => {
    const object = asObject(value);
    if (object?.metadata.name === name && object.metadata.namespace === namespace) found = object;
  });
  const only = [
    target.selectors.fieldSelector,
    `metadata.name=${name}`,
    namespace && `metadata.namespace=${namespace}`,
  ];
  const parameters = { ...target.selectors, fieldSelector: only.filter(Boolean).join(",") };
  await target.client.read(target.path, parameters, objects, readOptions(target));
  // The watch may have brought it while we asked.
  if (target.sink.versionOf(namespace, name) !== held) return false;
  if (found === undefined) {
    if (held === undefined) return false;
    target.remove({ metadata: { namespace, name, uid: "", resourceVersion: "" } });
    return true;
  }
  if (hashOf(found) === held) return false;
  target.upsert(found);
  return target.sink.versionOf(namespace, name) === hashOf(found);
}

function readOptions({ signal, listMs }: SelfCheckTarget) {
  return { signal, beginMs: listMs, idleMs: listMs };
}

/** 31 bits, which V8 keeps without an object. */
function keyHash(namespace: string, name: string): number {
  return versionHash(namespace, name) >>> 1;
}
