/** Objects and versions as the API sends them, checked as far as the client itself needs them. */
import { fieldsOf, textOf } from "../fields.ts";
import { type KubernetesObject, versionHash } from "./resource.ts";

/** Marks the end of the initial events of a streamed list, on a bookmark. */
const INITIAL_END = "k8s.io/initial-events-end";

/** The object, when its name and version are what they must be; completed by an empty namespace where it has none. */
export function asObject(value: unknown): KubernetesObject | undefined {
  const metadata = fieldsOf(fieldsOf(value).metadata);
  const { name, namespace, uid, resourceVersion } = metadata;
  const good =
    typeof name === "string" &&
    name !== "" &&
    typeof (namespace ?? "") === "string" &&
    typeof uid === "string" &&
    typeof resourceVersion === "string";
  if (!good) return undefined;
  (metadata as Record<string, unknown>).namespace ??= "";
  return value as KubernetesObject;
}

export function hashOf({ metadata }: KubernetesObject): number {
  return versionHash(metadata.uid, metadata.resourceVersion);
}

/** The version of a list or a bookmark; empty when it has none. */
export function resourceVersionOf(value: unknown): string {
  return textOf(fieldsOf(fieldsOf(value).metadata).resourceVersion);
}

export function isInitialEnd(bookmark: unknown): boolean {
  return fieldsOf(fieldsOf(fieldsOf(bookmark).metadata).annotations)[INITIAL_END] === "true";
}

/** Versions are numbers of a common count in all servers that we know of. Where one is not, nothing is older. */
export function isOlder(version: string, than: string): boolean {
  if (!DIGITS.test(version) || !DIGITS.test(than)) return false;
  return version.length === than.length ? version < than : version.length < than.length;
}
const DIGITS = /^[1-9]\d*$/;
