/**
 * What `weftdns check` shows: every mistake with its place, the line it is in and a caret under the word.
 *
 *   Corefile:4:5: plugin/forward: unknown property 'max_fail'
 *       4 |     max_fail 3
 *         |     ^^^^^^^^ did you mean 'max_fails'?
 */

import { type Mistake, placedText, UNPRINTABLE } from "../corefile/mistake.ts";

export interface FormatOptions {
  /** Whether to mark with colours: see `wantsColour`. */
  readonly colour?: boolean;
}

/** `sources` holds the text of each file that a mistake may name; without it only the message is shown. */
export function formatMistakes(
  mistakes: readonly Mistake[],
  sources: ReadonlyMap<string, string>,
  options: FormatOptions = {},
): string {
  const lines = new Map<string, readonly string[]>();
  const paint = options.colour ? PAINT : PLAIN;
  let text = "";
  for (const mistake of mistakes) {
    if (!lines.has(mistake.file)) lines.set(mistake.file, sources.get(mistake.file)?.split("\n") ?? []);
    const source = lines.get(mistake.file)![mistake.line - 1];
    text += `${paint.loud(placedText(mistake))}\n`;
    const hint = mistake.suggestion === undefined ? "" : ` did you mean '${mistake.suggestion}'?`;
    if (source !== undefined) text += excerpt(mistake, source, hint, paint);
    else if (hint !== "") text += `  ${hint}\n`;
  }
  return text;
}

/** Colour is for people: on a terminal, and not when NO_COLOR is set to anything but nothing (no-color.org). */
export function wantsColour(isTty: boolean, environment: Readonly<Record<string, string | undefined>>): boolean {
  return isTty && !environment.NO_COLOR && environment.TERM !== "dumb";
}

/** A longer line is cut, so that a file without line ends stays readable. */
const MAX_COLUMNS = 160;
/** What of a cut line is shown before the mistake. */
const COLUMNS_BEFORE = 60;

function excerpt(mistake: Mistake, source: string, hint: string, paint: Paint): string {
  // A byte order mark has no column, and neither has a carriage return to be seen.
  const characters = [...source.replace(/^\uFEFF|\r$/g, "")];
  const from = characters.length <= MAX_COLUMNS ? 0 : Math.max(0, mistake.column - 1 - COLUMNS_BEFORE);
  const shown = characters.slice(from, from + MAX_COLUMNS).map(printable);
  const at = mistake.column - 1 - from;
  // Tabs stay tabs, so that the caret stands below its word whatever their width is.
  const indent = shown
    .slice(0, at)
    .map((character) => (character === "\t" ? "\t" : " "))
    .join("");
  const width = Math.max(1, Math.min(mistake.width ?? 1, shown.length - at));
  const number = String(mistake.line).padStart(5);
  const carets = paint.caret("^".repeat(width));
  return `${number} | ${shown.join("").trimEnd()}\n${" ".repeat(number.length)} | ${indent}${carets}${hint}\n`;
}

/** Control characters of a hostile file do not reach the terminal, tabs apart. */
function printable(character: string): string {
  return character === "\t" ? character : character.replace(UNPRINTABLE, "\uFFFD");
}

interface Paint {
  loud(text: string): string;
  caret(text: string): string;
}

const PLAIN: Paint = { loud: (text) => text, caret: (text) => text };
const PAINT: Paint = {
  loud: (text) => `\u001b[1m${text}\u001b[0m`,
  caret: (text) => `\u001b[31m${text}\u001b[0m`,
};
