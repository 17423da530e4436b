/**
 * `{%NAME%}` and `{$NAME}` in a word stand for environment variables, an unset one for nothing. A value is never cut
 * into words again, so spaces, braces and `#` in it are safe. As in CoreDNS a value may refer to further variables, and
 * an empty name ends the search of its form for the rest of the word.
 */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A variable that refers to itself keeps CoreDNS busy for ever; no honest word has this many references. */
const MAX_REPLACEMENTS = 100;

export function substituteEnvironment(word: string, environment: Environment): string {
  return substituteForm(substituteForm(word, "{%", "%}", environment), "{$", "}", environment);
}

function substituteForm(word: string, open: string, close: string, environment: Environment): string {
  let text = word;
  for (let count = 0; count < MAX_REPLACEMENTS; count++) {
    const start = text.indexOf(open);
    if (start < 0) break;
    const end = text.indexOf(close, start + open.length);
    if (end < 0 || end === start + open.length) break;
    const name = text.slice(start + open.length, end);
    const value = Object.hasOwn(environment, name) ? (environment[name] ?? "") : "";
    text = text.slice(0, start) + value + text.slice(end + close.length);
  }
  return text;
}
