/** What the API server of the benchmark has: every object as the text that lists and watches send. */
import type { Manifest } from "../../test/support/api-objects.ts";

/** `json` is the object with its kind, as events carry it. */
type Stored = { key: string; json: string };

export class ClusterStore {
  version = 1_000;
  readonly #resources = new Map<string, Map<string, Stored>>(
    ["services", "endpointslices", "namespaces", "pods"].map((plural) => [plural, new Map()]),
  );

  /** Undefined for a resource that this cluster does not have. */
  list(plural: string): Stored[] | undefined {
    const all = this.#resources.get(plural);
    return all && [...all.values()];
  }

  /** Gives what a watch of the object's resource says about it. */
  apply(manifest: Manifest): { plural: string; event: string } {
    const plural = `${manifest.kind.toLowerCase()}s`;
    const { name, namespace = "" } = manifest.metadata;
    const key = `${namespace}/${name}`;
    const all = this.#resources.get(plural)!;
    const type = all.has(key) ? "MODIFIED" : "ADDED";
    const metadata = {
      ...manifest.metadata,
      uid: uidOf(key),
      creationTimestamp: "2026-01-01T00:00:00Z",
      resourceVersion: `${++this.version}`,
    };
    const json = JSON.stringify({ ...manifest, metadata });
    all.set(key, { key, json });
    return { plural, event: eventOf(type, json) };
  }
}

export function eventOf(type: string, json: string): string {
  return `{"type":"${type}","object":${json}}\n`;
}

/** The same for the same object in every run. */
function uidOf(key: string): string {
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) >>> 0;
  return `00000000-0000-4000-8000-${hash.toString(16).padStart(12, "0")}`;
}
