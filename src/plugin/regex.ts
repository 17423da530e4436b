/**
 * Regular expressions out of a Corefile: Go's syntax (RE2), and time that grows no faster than the text, whatever the
 * pattern. The library is loaded when the first one is compiled, so that a worker whose plugins have none does not carry it.
 */
import { createRequire } from "node:module";
import type { RE2JS } from "re2js";

export type Regex = RE2JS;

/** Throws with Go's words on a pattern that is none: ``error parsing regexp: missing closing ): `(` ``. */
export function compileRegex(pattern: string): Regex {
  const library: typeof import("re2js") = createRequire(import.meta.url)("re2js");
  return library.RE2JS.compile(pattern);
}
