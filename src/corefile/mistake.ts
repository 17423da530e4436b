/**
 * What is wrong in a Corefile, and where.
 *
 * Two texts are made of one mistake. People read `placedText`: `Corefile:14:5: plugin/forward: unknown policy 'fastest',
 * expected random, round_robin or sequential`. Scripts that wait for CoreDNS's words at a failed start find them in
 * `startText`: `plugin/forward: Corefile:14 - Error during parsing: unknown policy 'fastest', expected random, ...`. Of some
 * CoreDNS does not say the place; there it follows behind its words.
 * So `message` begins with CoreDNS's own words wherever it has established ones, found words stand in single quotes as
 * it writes them, and what was expected follows behind a comma.
 */

/** A place in a Corefile or in a file that it imports. Lines and columns count from 1, columns in characters. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A whole word: a place with its width in columns. */
export interface WordPlace extends Place {
  readonly width: number;
}

/**
 * How CoreDNS introduces the message when it refuses to start:
 *   syntax   `FILE:LINE - Syntax error: `            a token that the grammar has no place for
 *   parsing  `FILE:LINE - Error during parsing: `    everything else that has a line
 *   keys     `error inspecting server blocks: `      a server block's key that is no zone
 *   plain    nothing                                 found later: clashes, ports, a plugin used twice
 */
export type MistakeForm = "syntax" | "parsing" | "keys" | "plain";

export interface Mistake extends Place {
  readonly message: string;
  readonly form: MistakeForm;
  /** The directive that found it. */
  readonly directive?: string;
  /** The nearest word that would have been right. */
  readonly suggestion?: string;
  /** How many characters the wrong word has in the file, for the caret line; 1 when absent. */
  readonly width?: number;
}

/** More than anybody reads; a file that is no Corefile at all would have one in every line. */
export const MAX_MISTAKES = 100;

/** Thrown by the readers of a directive; the loader catches it per directive and goes on with the next one. */
export class ConfigMistake extends Error {
  readonly mistake: Mistake;
  /** Besides the first, those that the reader of a directive's options has found behind it. */
  readonly others: readonly Mistake[];

  constructor(mistake: Mistake, others: readonly Mistake[] = []) {
    super(placedText(mistake));
    this.name = "ConfigMistake";
    this.mistake = mistake;
    this.others = others;
  }
}

/** A mistake at a word of the file. */
export function tokenMistake(word: WordPlace, form: MistakeForm, message: string): Mistake {
  return { file: word.file, line: word.line, column: word.column, width: word.width, message, form };
}

/** `Corefile:14:5: plugin/forward: unknown property 'maxfails'` */
export function placedText(mistake: Mistake): string {
  const { file, line, column, message } = mistake;
  return oneLine(`${file}:${line}:${column}: ${pluginPrefix(mistake)}${cut(message)}`);
}

/** The line that a start prints on stderr: CoreDNS's, with the place where that has none, and what may have been meant. */
export function startText(mistake: Mistake): string {
  const { form, file, line, column, suggestion } = mistake;
  const place = form === "plain" || form === "keys" ? `, at ${file}:${line}:${column}` : "";
  const hint = suggestion === undefined ? "" : `, did you mean '${suggestion}'?`;
  return oneLine(`${corednsText(mistake)}${place}${hint}`);
}

/** CoreDNS's own line for the same mistake. */
export function corednsText(mistake: Mistake): string {
  return oneLine(`${pluginPrefix(mistake)}${formPrefix(mistake)}${cut(mistake.message)}`);
}

/** A word of the file may hold anything: what does not print becomes `\uXXXX`. */
function oneLine(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A word may have megabytes too. */
function cut(message: string): string {
  return message.length <= MAX_MESSAGE_LENGTH ? message : `${message.slice(0, MAX_MESSAGE_LENGTH)}...`;
}

/** Longer than any message about a file that somebody wrote. */
const MAX_MESSAGE_LENGTH = 1000;

/** Control characters, and those that turn the direction of the text. */
export const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

function pluginPrefix(mistake: Mistake): string {
  return mistake.directive === undefined ? "" : `plugin/${mistake.directive}: `;
}

function formPrefix(mistake: Mistake): string {
  switch (mistake.form) {
    case "syntax":
      return `${mistake.file}:${mistake.line} - Syntax error: `;
    case "parsing":
      return `${mistake.file}:${mistake.line} - Error during parsing: `;
    case "keys":
      return "error inspecting server blocks: ";
    case "plain":
      return "";
  }
}
