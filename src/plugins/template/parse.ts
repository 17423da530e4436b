/** What a stanza of the Corefile means: checked here, as templates and expressions are compiled again in each worker. */
import type { Option, Stanza } from "../../corefile/directive.ts";
import type { Token } from "../../corefile/server-block.ts";
import { Class, Rcode, Type } from "../../dns/types.ts";
import { RESERVED_NAMES } from "../../expression/builtin-names.ts";
import { Expression } from "../../expression/expression.ts";
import { ANY, type Type as ValueType } from "../../expression/types.ts";
import { compileRegex } from "../../plugin/regex.ts";
import { parseUnsigned } from "../../template/go-number.ts";
import { Template } from "../../template/template.ts";
import { Failure, fromBytes, toBytes } from "../../template/value.ts";
import { scopeWith, TEMPLATE_FUNCTIONS } from "./environment.ts";

export interface StanzaConfig {
  readonly class: number;
  readonly type: number;
  readonly zones: readonly string[];
  readonly regexes: readonly string[];
  readonly variables: readonly { readonly name: string; readonly text: string }[];
  readonly conditions: readonly string[];
  readonly answer: readonly string[];
  readonly additional: readonly string[];
  readonly authority: readonly string[];
  readonly rcode: number;
  readonly extendedError: ExtendedError | undefined;
  readonly fallthrough: readonly string[];
}

interface ExtendedError {
  readonly code: number;
  readonly reason: string;
}

export type SectionName = "answer" | "additional" | "authority";

/** As in CoreDNS: longer expressions are refused. */
const MAX_REGEX_LENGTH = 10_000;
/** The reply must have room for it beside everything else. */
const MAX_REASON_BYTES = 1_000;

/** A stanza while it is read. */
type Draft = { -readonly [Key in keyof StanzaConfig]: StanzaConfig[Key] } & {
  readonly types: Map<string, ValueType>;
};

export function parse(stanza: Stanza): StanzaConfig {
  const draft: Draft = {
    class: readClass(stanza),
    type: readType(stanza),
    zones: stanza.zones(),
    regexes: [],
    variables: [],
    conditions: [],
    answer: [],
    additional: [],
    authority: [],
    rcode: Rcode.NOERROR,
    extendedError: undefined,
    fallthrough: [],
    types: new Map(),
  };
  stanza.readOptions((option) => {
    const read = READERS.get(option.name) ?? option.wrongCount(undefined, option.head);
    read(option, draft);
    option.end();
  });
  const { types: _, ...config } = draft;
  return config.regexes.length === 0 ? { ...config, regexes: [".*"] } : config;
}

/** CoreDNS takes mnemonics in capital letters only, and knows no others than these. */
function readClass(stanza: Stanza): number {
  const token = stanza.token();
  const { text } = token;
  return Object.hasOwn(Class, text)
    ? Class[text as keyof typeof Class]
    : stanza.fail(`invalid query class ${text}`, token);
}

function readType(stanza: Stanza): number {
  const token = stanza.token();
  const { text } = token;
  if (text === "None") return 0;
  if (text === "Reserved") return RESERVED_TYPE;
  return Object.hasOwn(Type, text) ? Type[text as keyof typeof Type] : stanza.fail(`invalid RR class ${text}`, token);
}
const RESERVED_TYPE = 65_535;

const READERS: ReadonlyMap<string, (line: Option, draft: Draft) => void> = new Map([
  ["match", readMatch],
  ["var", readVariable],
  ["expr", readCondition],
  ["answer", readRecords],
  ["additional", readRecords],
  ["authority", readRecords],
  ["rcode", readRcode],
  ["ederror", readExtendedError],
  [
    "fallthrough",
    (line, draft) => {
      draft.fallthrough = line.fallthrough();
    },
  ],
  [
    "upstream",
    (line) => {
      if (line.left > 0)
        line.warn("the arguments of upstream are not looked at: aliases are followed within this server");
      line.rest();
    },
  ],
]);

function readMatch(line: Option, draft: Draft): void {
  for (const token of tokens(line)) {
    const pattern = token.text;
    if (pattern.length > MAX_REGEX_LENGTH)
      line.fail(`regex pattern too long: ${pattern.length} characters, at most ${MAX_REGEX_LENGTH}`, token);
    try {
      compileRegex(pattern);
    } catch (error) {
      line.fail(`could not parse regex: ${pattern}, ${(error as Error).message}`, token);
    }
    draft.regexes = [...draft.regexes, pattern];
  }
}

function readVariable(line: Option, draft: Draft): void {
  const token = line.token();
  const name = token.text;
  const text = line.rest({ atLeast: 1 }).join(" ");
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) line.fail(`invalid variable name "${name}"`, token);
  const scope = scopeWith(draft.types);
  if (RESERVED_NAMES.has(name) || scope.functions.has(name) || draft.types.has(name))
    line.fail(`variable name "${name}" is reserved`, token);
  const compiled = Expression.compile(text, scope);
  // Expressions that use a variable which is wrong are not wrong for that.
  draft.types.set(name, compiled instanceof Failure ? ANY : compiled.type);
  if (compiled instanceof Failure) line.fail(`could not compile expression: ${name}, ${firstLine(compiled)}`, token);
  draft.variables = [...draft.variables, { name, text }];
}

function readCondition(line: Option, draft: Draft): void {
  const text = line.rest({ atLeast: 1 }).join(" ");
  const compiled = Expression.compile(text, scopeWith(draft.types));
  if (compiled instanceof Failure) line.fail(`could not compile expression: ${firstLine(compiled)}`, line.args[0]);
  draft.conditions = [...draft.conditions, text];
}

function readRecords(line: Option, draft: Draft): void {
  const section = line.name as SectionName;
  const all = tokens(line);
  for (const { text } of all) {
    const compiled = Template.parse(section, text, TEMPLATE_FUNCTIONS);
    // CoreDNS shows the last one of the line, whichever is wrong.
    if (compiled instanceof Failure)
      line.fail(`could not compile template: ${all.at(-1)!.text}, ${fromBytes(compiled.message)}`, line.head);
    draft[section] = [...draft[section], text];
  }
}

function readRcode(line: Option, draft: Draft): void {
  const token = line.token();
  draft.rcode = RCODES.get(token.text) ?? line.fail(`unknown rcode ${token.text}`, token);
}
/** CoreDNS's names: 16 is the one that signatures have (RFC 8945), and NOTIMP has two. */
const RCODES: ReadonlyMap<string, number> = new Map<string, number>([
  ...Object.entries(Rcode).filter(([name]) => name !== "BADVERS"),
  ["BADSIG", Rcode.BADVERS],
  ["NOTIMPL", Rcode.NOTIMP],
]);

function readExtendedError(line: Option, draft: Draft): void {
  const token = line.token();
  const { text } = token;
  let code = 0;
  try {
    code = Number(parseUnsigned(toBytes(text), 10n, 16n));
  } catch (error) {
    const why = fromBytes((error as Failure).message);
    line.fail(`error parsing extended DNS error code ${text}, ${why}`, token);
  }
  const reason = line.word({ default: "" });
  if (Buffer.byteLength(reason) > MAX_REASON_BYTES)
    line.fail(`more than ${MAX_REASON_BYTES} bytes of reason`, line.args[1]);
  draft.extendedError = { code, reason };
}

/** All arguments that are left, at least one. */
function tokens(line: Option): Token[] {
  const all = [line.token()];
  while (line.left > 0) all.push(line.token());
  return all;
}

/** Without the picture of the expression: a mistake is one line, and names its place itself. */
function firstLine({ message }: Failure): string {
  return message.split("\n")[0]!;
}
