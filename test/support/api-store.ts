/**
 * What the test API server knows: objects with versions, the history of their changes, snapshots for paged lists, selectors.
 * Each object is kept with its JSON, since a list of many thousands is written again and again.
 */
import type { Manifest } from "./api-objects.ts";

export interface Resource {
  readonly group: string;
  readonly versions: readonly string[];
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

export const RESOURCES: readonly Resource[] = [
  { group: "", versions: ["v1"], plural: "services", kind: "Service", namespaced: true },
  { group: "", versions: ["v1"], plural: "pods", kind: "Pod", namespaced: true },
  { group: "", versions: ["v1"], plural: "namespaces", kind: "Namespace", namespaced: false },
  { group: "discovery.k8s.io", versions: ["v1"], plural: "endpointslices", kind: "EndpointSlice", namespaced: true },
  {
    ...{ group: "multicluster.x-k8s.io", versions: ["v1alpha1"], plural: "serviceimports" },
    ...{ kind: "ServiceImport", namespaced: true },
  },
  {
    ...{ group: "networking.istio.io", versions: ["v1", "v1beta1", "v1alpha3"], plural: "serviceentries" },
    ...{ kind: "ServiceEntry", namespaced: true },
  },
];

export interface Stored {
  readonly resource: Resource;
  readonly key: string;
  readonly version: number;
  readonly object: Manifest;
  /** As in a watch, with kind and apiVersion. */
  readonly json: string;
}

export interface Change {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly now: Stored;
  readonly before: Stored | undefined;
}

export class ApiStore {
  version = 100;
  /** Watches and continued lists from before this version are refused. */
  oldest = 0;
  onChange: (change: Change) => void = () => {};
  #objects = new Map<Resource, Map<string, Stored>>(RESOURCES.map((resource) => [resource, new Map()]));
  #history: Change[] = [];

  apply(manifest: Manifest): Stored {
    const resource = resourceOf(manifest);
    const key = keyOf(resource, manifest);
    const before = this.#objects.get(resource)!.get(key);
    this.version++;
    const now = this.#store(resource, key, {
      ...manifest,
      metadata: {
        creationTimestamp: "2026-01-01T00:00:00Z",
        uid: (before?.object.metadata.uid as string | undefined) ?? uidOf(this.version),
        ...manifest.metadata,
        ...(resource.namespaced && { namespace: manifest.metadata.namespace ?? "default" }),
        resourceVersion: String(this.version),
      },
    });
    this.#objects.get(resource)!.set(key, now);
    this.#note({ type: before ? "MODIFIED" : "ADDED", now, before });
    return now;
  }

  /** `manifest` needs kind, apiVersion, namespace and name only. */
  remove(manifest: Manifest): void {
    const resource = resourceOf(manifest);
    const key = keyOf(resource, manifest);
    const before = this.#objects.get(resource)!.get(key);
    if (before === undefined) return;
    this.#objects.get(resource)!.delete(key);
    this.version++;
    const { object } = before;
    const now = this.#store(resource, key, {
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(this.version) },
    });
    this.#note({ type: "DELETED", now, before });
  }

  /** All of a resource in the order of their names. */
  list(resource: Resource): Stored[] {
    return [...this.#objects.get(resource)!.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  all(group: string, plural: string): Stored[] {
    return this.list(RESOURCES.find((resource) => resource.group === group && resource.plural === plural)!);
  }

  /** The changes of a resource after `version`; undefined when they are forgotten. */
  since(resource: Resource, version: number): Change[] | undefined {
    if (version < this.oldest) return undefined;
    return this.#history.filter(({ now }) => now.resource === resource && now.version > version);
  }

  /** Forgets the history, as a compaction does. */
  compact(): void {
    this.version++;
    this.oldest = this.version;
    this.#history = [];
  }

  /** A copy to go back to: what an operator restores after losing the storage. */
  backup(): () => void {
    const objects = new Map([...this.#objects].map(([resource, stored]) => [resource, new Map(stored)]));
    const { version } = this;
    return () => {
      this.#objects = objects;
      this.version = version;
      this.#history = [];
      this.oldest = 0;
    };
  }

  #note(change: Change): void {
    this.#history.push(change);
    this.onChange(change);
  }

  #store(resource: Resource, key: string, object: Manifest): Stored {
    return { resource, key, version: this.version, object, json: JSON.stringify(object) };
  }
}

export interface Selector {
  matches(stored: Stored): boolean;
}

/** `a=b,c!=d,e in (x,y),f notin (x),g,!h` over labels, `a.b=c,d.e!=f` over fields. */
export function selectorOf(labels: string | null, fields: string | null, namespaceName: string | undefined): Selector {
  const labelTests = splitTerms(labels ?? "").map(parseTerm);
  const fieldTests = splitTerms(fields ?? "").map(parseTerm);
  return {
    matches: ({ object }) =>
      (namespaceName === undefined || object.metadata.namespace === namespaceName) &&
      labelTests.every((test) => test((key) => object.metadata.labels?.[key])) &&
      fieldTests.every((test) => test((path) => fieldOf(object, path) ?? "")),
  };
}

type Term = (get: (key: string) => string | undefined) => boolean;

function splitTerms(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((term) => term.trim())
    .filter((term) => term !== "");
}

function parseTerm(text: string): Term {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(text);
  if (set) {
    const values = set[3]!.split(",").map((value) => value.trim());
    const isIn = set[2] === "in";
    return (get) => {
      const value = get(set[1]!);
      return value === undefined ? !isIn : values.includes(value) === isIn;
    };
  }
  const [, key = text, operator, value] = /^([^!=\s]+)\s*(!=|==?)\s*(.*)$/.exec(text) ?? [];
  if (operator !== undefined) return (get) => (get(key) === value) === (operator !== "!=");
  if (text.startsWith("!")) return (get) => get(text.slice(1).trim()) === undefined;
  return (get) => get(key) !== undefined;
}

function fieldOf(object: Manifest, path: string): string | undefined {
  let value: unknown = object;
  for (const name of path.split(".")) value = (value as Record<string, unknown> | undefined)?.[name];
  return value === undefined ? undefined : String(value);
}

function resourceOf({ apiVersion, kind }: Manifest): Resource {
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  const found = RESOURCES.find((r) => r.group === group && r.kind === kind && r.versions.includes(version!));
  if (found === undefined) throw new Error(`this server has no ${apiVersion} ${kind}`);
  return found;
}

function keyOf({ namespaced }: Resource, { metadata }: Manifest): string {
  return namespaced ? `${metadata.namespace ?? "default"}/${metadata.name}` : metadata.name;
}

function uidOf(version: number): string {
  return `00000000-0000-4000-8000-${String(version).padStart(12, "0")}`;
}
