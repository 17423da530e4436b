/**
 * Label selectors as Kubernetes writes them: `app=nginx,tier in (a, b),!old,size gt 3`. The API server reads them; here a
 * mistake is found before the start, and said in the words that operators know.
 */

/** What is wrong with a selector, "" when nothing is. */
export function selectorProblem(text: string): string {
  const tokens = [...text.matchAll(/\s*(==|!=|[=!,()<>]|[^\s=!,()<>]+)/gy)].map((match) => match[1]!);
  const reader = new SelectorReader(tokens);
  return reader.problem();
}

const OPERATORS: ReadonlySet<string> = new Set(["in", "notin", "=", "==", "!=", "gt", "lt", ">", "<"]);
/** A label's key: an optional DNS prefix and a name. */
const KEY = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

class SelectorReader {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  problem(): string {
    while (this.#at < this.#tokens.length) {
      const problem = this.#requirement();
      if (problem !== "") return problem;
      const next = this.#take();
      if (next === undefined) return "";
      if (next !== ",") return `found '${next}', expected: ',' or 'end of string'`;
      const behind = this.#tokens[this.#at];
      if (behind === undefined || (!isWord(behind) && behind !== "!"))
        return `found '${behind ?? ""}', expected: identifier after ','`;
    }
    return "";
  }

  #requirement(): string {
    const first = this.#take()!;
    if (first === "!") return this.#key(this.#take());
    if (!isWord(first)) return `found '${first}', expected: !, identifier, or 'end of string'`;
    const key = this.#key(first);
    if (key !== "") return key;
    const operator = this.#tokens[this.#at];
    if (operator === undefined || operator === ",") return "";
    this.#at++;
    if (!OPERATORS.has(operator))
      return `unable to parse requirement: found '${operator}', expected: in, notin, =, ==, !=, gt, lt`;
    return operator === "in" || operator === "notin" ? this.#set() : this.#value(operator);
  }

  #key(word: string | undefined): string {
    if (word === undefined || !isWord(word))
      return `unable to parse requirement: found '${word ?? ""}', expected: identifier`;
    return KEY.test(word) ? "" : `unable to parse requirement: invalid label key "${word}"`;
  }

  #value(operator: string): string {
    const next = this.#tokens[this.#at];
    // A key may be asked for with an empty value.
    const value = next === undefined || next === "," ? "" : this.#take()!;
    if (value !== "" && !isWord(value)) return `unable to parse requirement: found '${value}', expected: identifier`;
    const isNumber = !["=", "==", "!="].includes(operator);
    if (isNumber && !/^[-+]?[0-9]+$/.test(value))
      return `unable to parse requirement: for 'Gt', 'Lt' operators, the value must be an integer`;
    return this.#checkValue(value);
  }

  #set(): string {
    const open = this.#take();
    if (open !== "(") return `unable to parse requirement: found '${open ?? ""}' expected: '('`;
    for (;;) {
      const word = this.#take();
      if (word === ")") return "";
      if (word === ",") continue;
      if (word === undefined || !isWord(word))
        return `unable to parse requirement: found '${word ?? ""}', expected: ',', ')' or identifier`;
      const problem = this.#checkValue(word);
      if (problem !== "") return problem;
      const next = this.#tokens[this.#at];
      if (next !== "," && next !== ")")
        return `unable to parse requirement: found '${next ?? ""}', expected: ',' or ')'`;
    }
  }

  #checkValue(value: string): string {
    return VALUE.test(value) ? "" : `unable to parse requirement: invalid label value "${value}"`;
  }

  #take(): string | undefined {
    return this.#tokens[this.#at++];
  }
}

function isWord(token: string): boolean {
  return !/^(==|!=|[=!,()<>])$/.test(token);
}
