/** What is known of a resource, and since when, in a line for an operator: one line, whatever the API says. */
import { NEVER_SECONDS, type Reflector } from "./reflector.ts";

export function describeReflector(name: string, reflector: Reflector): string {
  const { state, absent, objects, silentSeconds, lastError } = reflector;
  const heard = silentSeconds === NEVER_SECONDS ? "never heard of" : `heard of ${silentSeconds.toFixed(1)} s ago`;
  const trouble = lastError === undefined ? "" : `, last error: ${lastError.replaceAll(/\p{Cc}+/gu, " ")}`;
  return `${name}: ${absent ? "not in this cluster" : state}, ${objects} objects, ${heard}${trouble}`;
}
