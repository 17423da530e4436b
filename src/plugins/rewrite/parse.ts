/** From the directive's words to rules. Texts of mistakes are CoreDNS's. */
import type { Stanza } from "../../corefile/directive.ts";
import type { Token } from "../../corefile/server-block.ts";
import { classNumber, rcodeNumber, typeNumber } from "../../dns/types.ts";
import { compileRegex, type Regex } from "../../plugin/regex.ts";
import { parseUnsigned } from "../../template/go-number.ts";
import { type Failure, fromBytes, toBytes } from "../../template/value.ts";
import {
  ACTIONS,
  type Action,
  type AnswerConfig,
  CLIENT_SUBNET,
  MATCH_KINDS,
  type Match,
  type MatchKind,
  NSID,
  type OptionRuleConfig,
  type OptionValue,
  type RuleConfig,
  VARIABLES,
} from "./config.ts";
import { decodeHex } from "./decode-hex.ts";
import { compileMetadataTemplate, countGroups, isLabel } from "./template.ts";

/** CoreDNS's limit, against patterns that take long to compile. */
const MAX_PATTERN_LENGTH = 10_000;
const MAX_RCODE = 23;
const MAX_TTL = 0xffff_ffff;
const MATCH_LIST = "exact, prefix, suffix, substring, and regex name matching";

export function readRule(stanza: Stanza): RuleConfig {
  const words = [...stanza.args];
  // Braces around a rule, or around the rest of it, mean nothing.
  const inBraces = stanza.brace !== undefined && words.length < 2;
  if (inBraces) for (const { head, args } of stanza.options) words.push(head, ...args);
  const reader = new RuleReader(stanza, words);
  const rule = reader.read();
  if (stanza.brace !== undefined && !inBraces) reader.fail(NO_RULE, stanza.brace);
  return rule;
}
const NO_RULE = "no rule type specified for rewrite";

/** The words of one rule. */
class RuleReader {
  readonly #stanza: Stanza;
  readonly #words: readonly Token[];

  constructor(stanza: Stanza, words: readonly Token[]) {
    this.#stanza = stanza;
    this.#words = words;
  }

  fail(message: string, at: Token = this.#stanza.head): never {
    return this.#stanza.fail(message, at, { form: "plain" });
  }

  read(): RuleConfig {
    const [first] = this.#words;
    if (first === undefined) return this.fail(NO_RULE);
    const mode = first.text.toLowerCase();
    const hasMode = mode === "continue" || mode === "stop";
    const field = hasMode ? this.#words[1] : first;
    if (field === undefined) return this.fail(`${mode} rule must begin with a rule type`, first);
    const args = this.#words.slice(hasMode ? 2 : 1);
    return { continues: mode === "continue", ...this.#readField(field, args) };
  }

  #readField(field: Token, args: readonly Token[]): DistributiveOmit<RuleConfig, "continues"> {
    switch (field.text.toLowerCase()) {
      case "name":
        return this.#readName(args);
      case "type":
        return this.#readNumbers("type", args, typeOf);
      case "class":
        return this.#readNumbers("class", args, classOf);
      case "ttl":
        return this.#readTtl(args);
      case "rcode":
        return this.#readRcode(args);
      case "cname":
        return this.#readCname(args);
      case "edns0":
        return this.#readOption(args);
      case "answer":
        return this.fail("response rewrites must begin with a name rule", field);
      default:
        return this.fail(`invalid rule type "${field.text}"`, field);
    }
  }

  #readName(args: readonly Token[]): DistributiveOmit<RuleConfig, "continues"> {
    if (args.length < 2) this.fail("too few arguments for a name rule");
    const words = args.length === 2 ? [undefined, ...args] : [...args];
    const kind = words[0]?.text.toLowerCase() ?? "exact";
    const metadata = words[3]?.text === "metadata";
    if (metadata && kind !== "regex") this.fail("metadata is only supported for regex name rules", words[3]);
    if (metadata) words.splice(3, 1);
    if (words.length === 4) this.fail(`invalid arguments for ${kind} rule`, words[3]);
    if (words.length > 4 && words[3]!.text !== "answer")
      this.fail(`exceeded the number of arguments for a non-answer rule argument for ${kind} rule`, words[3]);
    const { auto, answers } = this.#readAnswers(kind, words.slice(4) as Token[], words.length > 4);
    const [, from, to] = words as Token[];
    if (!isMatchKind(kind)) return this.fail(`name rule supports only ${MATCH_LIST}, received: ${kind}`, words[0]);
    if (kind === "exact") this.#checkExactTarget(to!);
    if (kind === "regex") this.#checkReplacement(from!, to!, metadata);
    const hasNames = answers.some(({ what }) => what === "name");
    return {
      field: "name",
      match: matchOf(kind, from!.text),
      to: kind === "regex" ? dotted(to!.text) : normalize(to!.text),
      metadata,
      auto: auto || (kind === "exact" && !hasNames),
      answers,
    };
  }

  /** `answer auto`, `[answer] name RE TO`, `[answer] value RE TO`, any number of them. */
  #readAnswers(
    kind: string,
    words: readonly Token[],
    expected: boolean,
  ): { auto: boolean; answers: readonly AnswerConfig[] } {
    const answers: AnswerConfig[] = [];
    let auto = false;
    for (let at = 0; at < words.length || expected; ) {
      const word = words[at++];
      expected = false;
      const rule = `answer rule for ${kind} rule`;
      if (word === undefined) return this.fail(`type missing for ${rule}`);
      const what = word.text;
      if (what === "auto") auto = true;
      else if (what === "name" || what === "value") {
        const [pattern, to] = words.slice(at, at + 2);
        if (pattern === undefined || to === undefined) return this.fail(`${what} ${rule}: 2 arguments required`, word);
        const regex = this.#nameRegex(pattern, `${what} ${rule}: `);
        this.#checkGroups(regex, pattern, to, `${what} ${rule}: `);
        answers.push({ what, pattern: pattern.text, to: dotted(to.text) });
        at += 2;
      } else this.fail(`invalid type "${what}" for ${rule}`, word);
      if (auto && answers.some((answer) => answer.what === "name"))
        this.fail("auto name answer rule cannot be combined with explicit name anwer rules", word);
      if (words[at]?.text === "answer") {
        at++;
        expected = true;
      }
    }
    return { auto, answers };
  }

  /** CoreDNS makes an expression of it; what is none there is no name anywhere. */
  #checkExactTarget(to: Token): void {
    if (/^[\w.-]*$/.test(to.text) && to.text.length < MAX_PATTERN_LENGTH) return;
    this.#nameRegex({ ...to, text: normalize(to.text) }, "");
  }

  #checkReplacement(from: Token, to: Token, metadata: boolean): void {
    const regex = this.#nameRegex(from, "");
    if (!metadata) {
      this.#checkGroups(regex, from, to, "");
      return;
    }
    const template = compileMetadataTemplate(dotted(to.text), regex.groupCount());
    if (typeof template === "string") this.fail(template, to);
  }

  #checkGroups(regex: Regex, from: Token, to: Token, prefix: string): void {
    if (countGroups(to.text) <= regex.groupCount()) return;
    const patterns = `the rewrite regex pattern (${to.text}) uses more subexpressions than its corresponding matching regex pattern (${from.text})`;
    this.fail(prefix + patterns, to);
  }

  #nameRegex(pattern: Token, prefix: string): Regex {
    const invalid = () => `${prefix}invalid regex matching pattern: ${pattern.text}`;
    return this.#regex(pattern, `${prefix}regex pattern too long`, invalid);
  }

  #regex(pattern: Token, tooLong: string, invalid: (reason: string) => string): Regex {
    const { length } = pattern.text;
    if (length > MAX_PATTERN_LENGTH) this.fail(`${tooLong}: ${length} > ${MAX_PATTERN_LENGTH}`, pattern);
    try {
      return compileRegex(pattern.text);
    } catch (error) {
      return this.fail(invalid((error as Error).message), pattern);
    }
  }

  #readNumbers(
    field: "type" | "class",
    args: readonly Token[],
    numberOf: (text: string) => number,
  ): DistributiveOmit<RuleConfig, "continues"> {
    if (args.length !== 2) this.fail(`${field} rules must have exactly two arguments`);
    const [from, to] = args.map((word) => {
      const text = word.text.toUpperCase();
      const number = numberOf(text);
      return number < 0 ? this.fail(`invalid ${field} "${text}"`, word) : number;
    });
    return { field, from: from!, to: to! };
  }

  #readTtl(args: readonly Token[]): DistributiveOmit<RuleConfig, "continues"> {
    if (args.length < 2) this.fail(`too few (${args.length}) arguments for a ttl rule`);
    const word = args.length > 3 ? undefined : args.at(-1);
    const range = parseTtlRange(word?.text ?? "");
    if (range === undefined) return this.fail(`invalid TTL '${word?.text ?? ""}' for a ttl rule`, word ?? args[3]);
    return { field: "ttl", match: this.#readMatch(args.slice(0, -1), "ttl"), ...range };
  }

  #readRcode(args: readonly Token[]): DistributiveOmit<RuleConfig, "continues"> {
    if (args.length < 3) this.fail(`too few (${args.length}) arguments for a rcode rule`);
    const [fromWord, toWord] = args.length > 4 ? [] : args.slice(-2);
    const [from, to] = [parseRcode(fromWord?.text ?? ""), parseRcode(toWord?.text ?? "")];
    if (from < 0) this.fail(`invalid matching RCODE '${fromWord?.text ?? ""}' for a rcode rule`, fromWord ?? args[4]);
    if (to < 0) this.fail(`invalid replacement RCODE '${toWord?.text ?? ""}' for a rcode rule`, toWord);
    return { field: "rcode", match: this.#readMatch(args.slice(0, -2), "rcode"), from, to };
  }

  /** `[MATCH] FROM` of rules for replies. */
  #readMatch(words: readonly Token[], field: string): Match {
    const from = words.at(-1)!;
    const kind = words.length === 1 ? "exact" : words[0]!.text.toLowerCase();
    if (!isMatchKind(kind)) return this.fail(`${field} rule supports only ${MATCH_LIST}`, words[0]);
    const invalid = () => `invalid regex pattern in a ${field} rule: ${from.text}`;
    if (kind === "regex") this.#regex(from, `regex pattern too long in a ${field} rule`, invalid);
    return matchOf(kind, from.text);
  }

  #readCname(args: readonly Token[]): DistributiveOmit<RuleConfig, "continues"> {
    if (args.length < 2 || args.length > 3) this.fail(`too few (${args.length}) arguments for a cname rule`);
    const kind = args.length === 2 ? "exact" : args[0]!.text.toLowerCase();
    const [from, to] = args.slice(-2) as [Token, Token];
    if (!isMatchKind(kind)) return this.fail(`unknown cname rewrite type: ${kind}`, args[0]);
    if (kind === "regex") {
      const invalid = (reason: string) => `invalid cname rewrite regex pattern: ${reason}`;
      this.#regex(from, "regex pattern too long in a cname rule", invalid);
      return { field: "cname", match: matchOf(kind, from.text), to: dotted(to.text) };
    }
    if (kind === "exact") return { field: "cname", match: matchOf(kind, from.text), to: normalize(to.text) };
    // CoreDNS completes neither of them with a dot here.
    return { field: "cname", match: { kind, from: from.text.toLowerCase() }, to: to.text.toLowerCase() };
  }

  #readOption(args: readonly Token[]): OptionRuleConfig {
    if (args.length < 2) this.fail("too few arguments for an EDNS0 rule");
    const [option, actionWord, ...words] = args;
    const action = actionWord!.text.toLowerCase();
    if (!isAction(action)) return this.fail(`invalid action: "${actionWord!.text}"`, actionWord);
    switch (option!.text.toLowerCase()) {
      case "local":
        return this.#readLocal(action, words);
      case "nsid":
        return this.#readNsid(action, words);
      case "subnet":
        return this.#readSubnet(action, words);
      default:
        return this.fail(`invalid rule type "${option!.text}"`, option);
    }
  }

  #readLocal(action: Action, words: readonly Token[]): OptionRuleConfig {
    if (action === "unset" && words.length !== 1) this.fail("local unset action requires exactly two arguments");
    const revert = words[2]?.text === "revert";
    if (action !== "unset" && words.length !== (revert ? 3 : 2))
      this.fail("EDNS0 local rules require three or four args");
    const code = this.#uint(words[0]!, 16);
    const value = action === "unset" ? NO_DATA : this.#readValue(words[1]!);
    return { field: "edns0", action, code, local: true, revert, value };
  }

  #readValue(word: Token): OptionValue {
    const { text } = word;
    if (text.startsWith("0x")) {
      const data = decodeHex(text.slice(2));
      return typeof data === "string" ? this.fail(data, word) : { kind: "data", data };
    }
    if (!text.startsWith("{") || !text.endsWith("}")) return { kind: "data", data: Uint8Array.from(Buffer.from(text)) };
    const inner = text.slice(1, -1);
    const name = VARIABLES.find((variable) => variable === inner);
    if (name !== undefined) return { kind: "variable", name };
    if (isLabel(inner)) return { kind: "metadata", label: inner };
    return this.fail(`unsupported variable name "${text}"`, word);
  }

  #readNsid(action: Action, words: readonly Token[]): OptionRuleConfig {
    if (action === "unset" && words.length > 0) this.fail("nsid unset action requires exactly one argument", words[0]);
    const revert = words[0]?.text === "revert";
    if (words.length > (revert ? 1 : 0)) this.fail("EDNS0 NSID rules can accept no more than one arg", words.at(-1));
    return { field: "edns0", action, code: NSID, local: false, revert, value: NO_DATA };
  }

  #readSubnet(action: Action, words: readonly Token[]): OptionRuleConfig {
    const rule = { field: "edns0", action, code: CLIENT_SUBNET, local: false } as const;
    if (action === "unset") {
      if (words.length > 0) this.fail("subnet unset action requires exactly one argument", words[0]);
      return { ...rule, revert: false, value: NO_DATA };
    }
    const revert = words[2]?.text === "revert";
    if (words.length !== (revert ? 3 : 2)) this.fail("EDNS0 subnet rules require three or four args");
    const [word4, word6] = words as [Token, Token];
    const bits4 = this.#uint(word4, 64);
    if (bits4 > 32) this.fail(`invalid IPv4 bit mask length ${bits4}`, word4);
    const bits6 = this.#uint(word6, 64);
    if (bits6 > 128) this.fail(`invalid IPv6 bit mask length ${bits6}`, word6);
    return { ...rule, revert, value: { kind: "subnet", bits4, bits6 } };
  }

  #uint(word: Token, bits: number): number {
    try {
      // Beyond 2^53 the number is not exact; what takes so many bits is refused by its range.
      return Number(parseUnsigned(toBytes(word.text), 0n, BigInt(bits)));
    } catch (error) {
      return this.fail(fromBytes((error as Failure).message), word);
    }
  }
}

/** `Omit` takes away what the members of a union differ in. */
type DistributiveOmit<Union, Key extends keyof Union> = Union extends unknown ? Omit<Union, Key> : never;

const NO_DATA: OptionValue = { kind: "data", data: new Uint8Array(0) };

function isMatchKind(word: string): word is MatchKind {
  return (MATCH_KINDS as readonly string[]).includes(word);
}

function isAction(word: string): word is Action {
  return (ACTIONS as readonly string[]).includes(word);
}

function matchOf(kind: MatchKind, from: string): Match {
  return { kind, from: kind === "regex" ? from : normalize(from) };
}

function normalize(text: string): string {
  return dotted(text.toLowerCase());
}

function dotted(text: string): string {
  return text.endsWith(".") ? text : `${text}.`;
}

/** CoreDNS knows neither TYPE123 here, nor ALL, another word for ANY. */
function typeOf(text: string): number {
  return /^(TYPE[0-9]+|NONE|RESERVED|ALL)$/.test(text) ? -1 : typeNumber(text);
}

function classOf(text: string): number {
  return /^CLASS[0-9]+$/.test(text) ? -1 : classNumber(text);
}

/** `30`, `30-60`, `30-` or `-60`. */
function parseTtlRange(text: string): { min: number; max: number } | undefined {
  const match = /^([0-9]*)(-?)([0-9]*)$/.exec(text);
  if (match === null) return undefined;
  const [, low, dash, high] = match as unknown as [string, string, string, string];
  if (low === "" && high === "") return undefined;
  const min = low === "" ? 0 : Number(low);
  const max = dash === "" ? min : high === "" ? MAX_TTL : Number(high);
  return min <= max && max <= MAX_TTL ? { min, max } : undefined;
}

function parseRcode(text: string): number {
  if (/^[0-9]+$/.test(text)) return Number(text) <= MAX_RCODE ? Number(text) : -1;
  const name = text.toUpperCase();
  // CoreDNS calls 16 BADSIG, and has two names for 4.
  if (name === "BADVERS") return -1;
  return rcodeNumber(name === "NOTIMPL" ? "NOTIMP" : name);
}
