/** What is known of a resource, and since when, in a line for an operator: one line, whatever the API says. */
import type { Reflector } from "./reflector.ts";

export function describeReflector(name: string, reflector: Reflector): string {
  const { state, absent, objects, lastContact, lastError } = reflector;
  const agoSeconds = (performance.now() - lastContact) / 1_000;
  const heard = lastContact < 0 ? "never heard of" : `heard of ${agoSeconds.toFixed(1)} s ago`;
  const trouble = lastError === undefined ? "" : `, last error: ${lastError.replaceAll(/\p{Cc}+/gu, " ")}`;
  return `${name}: ${absent ? "not in this cluster" : state}, ${objects} objects, ${heard}${trouble}`;
}
