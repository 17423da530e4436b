/**
 * What passes between the API client and those that keep what it brings: one resource (Services, Pods …) is asked for by a
 * `ResourceQuery`, and its objects go, one at a time as they stream in, into a `ResourceSink`.
 */

/**
 * One object as it came. Somebody else wrote it, so nothing in it may be trusted but `metadata.name`, `namespace` (empty
 * for resources without namespaces), `uid` and `resourceVersion`, which the client has checked to be strings.
 */
export interface KubernetesObject {
  readonly metadata: ObjectMetadata;
  readonly [field: string]: unknown;
}

interface ObjectMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly [field: string]: unknown;
}

/** Keeps the objects of one resource. All is called from one thread, synchronously as the stream arrives. */
export interface ResourceSink {
  /** How many objects it holds. */
  readonly size: number;
  /**
   * A complete list begins: what is not upserted until `endList` is gone then. Mark and sweep: what was there stays there
   * and is answered meanwhile. A list that breaks off is begun anew, without an end in between, and its marks do not count.
   */
  beginList(): void;
  /** Takes its time when much is gone, and lets others have their turns. */
  endList(): void | Promise<void>;
  /** Creates or replaces. Must keep no reference to `object`, and must not throw, whatever it holds. */
  upsert(object: KubernetesObject): void;
  /** By namespace and name; `object` may be as old as it likes. Unknown objects are ignored. */
  remove(object: KubernetesObject): void;
  /** `versionHash` of what is held under this name; undefined when nothing is (an object that was refused is not held). */
  versionOf(namespace: string, name: string): number | undefined;
  /** All that is held, in any order. What changes during the walk may be met once, twice, or not at all. */
  keys(): Iterable<ObjectKey>;
}

export interface ObjectKey {
  readonly namespace: string;
  readonly name: string;
}

export interface ResourceQuery {
  /** Empty for the core group. */
  readonly group: string;
  /** Several are tried in order where `optional`: a server that does not know one answers 404. */
  readonly version: string | readonly string[];
  readonly plural: string;
  /** Not every cluster has it. Absent: who does not know it is no API, such as a load balancer in its place. */
  readonly optional?: boolean;
  /** Only this one; absent: all. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/**
 * starting  no list has been completed: nothing is known about names that are not there
 * synced    what the sink holds is what the API had a moment ago
 * doubtful  it was synced, but changes may have been missed since: the watch is away for longer than the idle deadline, or
 *           history has been lost (410) and a new list is under way
 * stopped   nothing more comes
 */
export type ReflectorState = "starting" | "synced" | "doubtful" | "stopped";

/** What `plugin/logger.ts` has of a logger. */
export interface Log {
  info(text: string): void;
  warning(text: string): void;
}

/**
 * 32 bits of FNV-1a over uid and resourceVersion: the one word kept per object by which the self-check sees that it is
 * another one. A change missed for a collision (1 in 4 billion) is seen with the next change.
 */
export function versionHash(uid: string, resourceVersion: string): number {
  let hash = FNV_BASIS;
  for (let i = 0; i < uid.length; i++) hash = Math.imul(hash ^ uid.charCodeAt(i), FNV_PRIME);
  hash = Math.imul(hash ^ SEPARATOR, FNV_PRIME);
  for (let i = 0; i < resourceVersion.length; i++) hash = Math.imul(hash ^ resourceVersion.charCodeAt(i), FNV_PRIME);
  return hash >>> 0;
}
const FNV_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
/** In neither of the two. */
const SEPARATOR = 0x0a;
