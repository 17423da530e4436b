/** The search list of a resolv.conf: the last `search` or `domain` line says it (resolv.conf(5)). */
import { nameToWire } from "../dns/name-text.ts";

/** Names in wire form, as they are written; what is no name is left out. */
export function searchList(text: string): Uint8Array[] {
  let words: readonly string[] = [];
  for (const line of text.split("\n")) {
    const [keyword, ...rest] = line.trim().split(/\s+/);
    if (keyword === "search") words = rest;
    else if (keyword === "domain") words = rest.slice(0, 1);
  }
  return words.map((word) => nameToWire(word.toLowerCase())).filter((wire) => typeof wire !== "string");
}
