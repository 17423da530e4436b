import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { toText } from "../../src/expression/builtins.ts";
import { Expression } from "../../src/expression/expression.ts";
import { BOOL, FLOAT, type FunctionType, functionOf, INT, LIST, MAP, NIL, STRING } from "../../src/expression/types.ts";
import { compileRegex } from "../../src/plugin/regex.ts";
import { Failure, type Value } from "../../src/template/value.ts";
import { FAILING, UNREADABLE, VALUES } from "./reference-cases.ts";

const FUNCTIONS: Readonly<Record<string, [FunctionType, (...args: string[]) => Value]>> = {
  name: [functionOf([], STRING), () => "x-7.a.test."],
  client_ip: [functionOf([], STRING), () => "10.0.0.1"],
  id: [functionOf([], INT), () => 65_000n],
  do: [functionOf([], BOOL), () => true],
  port: [functionOf([], STRING), () => "53"],
  type: [functionOf([], STRING), () => "A"],
  metadata: [functionOf([STRING], STRING), (label) => `meta:${label}`],
  group: [functionOf([STRING], STRING), () => "7"],
  incidr: [
    functionOf([STRING, STRING], BOOL),
    (address) => {
      if (address === "") throw new Failure("first argument is not an IP address");
      return true;
    },
  ],
};
const VARIABLES: Readonly<Record<string, Value>> = {
  n: 5n,
  s: "str",
  f: 1.5,
  b: true,
  l: [1n, "b", undefined, 2.5],
  m: new Map<string, Value>([
    ["k", 1n],
    ["s", "v"],
  ]),
  u: undefined,
};
const scope = {
  functions: new Map(Object.entries(FUNCTIONS).map(([name, [type]]) => [name, type])),
  values: new Map([
    ["n", INT],
    ["s", STRING],
    ["f", FLOAT],
    ["b", BOOL],
    ["l", LIST],
    ["m", MAP],
    ["u", NIL],
  ]),
  regex: (pattern: string) => {
    const regex = compileRegex(pattern);
    return { test: (text: string) => regex.matcher(text).find() };
  },
};
const environment = {
  call: (name: string, args: readonly Value[]) => FUNCTIONS[name]![1](...(args as string[])),
  value: (name: string) => VARIABLES[name],
};

function kind(value: Value): string {
  if (value === undefined) return "<nil>";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float64";
  if (typeof value === "boolean") return "bool";
  return typeof value === "string" ? "string" : Array.isArray(value) ? "list" : "map";
}

/** Go tells lists of several types apart; ours are of one kind. */
function plainKind(type: string): string {
  return type.startsWith("[]") ? "list" : type.startsWith("map[") ? "map" : type;
}

function evaluate(text: string): Value | Failure {
  const expression = Expression.compile(text, scope);
  return expression instanceof Failure ? expression : expression.evaluate(environment);
}

/** Ours are other words, or another last digit. */
const OTHERWISE: ReadonlyMap<string, string> = new Map([
  ["1 + 2 * 3 ** 2 ** 0.5", "10.457608775674831"],
  ["trim(1)", "cannot use int as argument (type string) to call trim  (1:6)\n | trim(1)\n | .....^"],
]);

describe("expressions as expr-lang evaluates them", () => {
  for (const [text, type, result] of VALUES) {
    test(text, () => {
      const value = evaluate(text);
      assert.ok(!(value instanceof Failure), value instanceof Failure ? value.message : "");
      assert.deepEqual([kind(value), toText(value)], [plainKind(type), OTHERWISE.get(text) ?? result]);
    });
  }
});

describe("expressions that expr-lang cannot compile", () => {
  for (const [text, message] of UNREADABLE) {
    test(text, () => {
      const expression = Expression.compile(text, scope);
      assert.ok(expression instanceof Failure, "it is refused when it is compiled");
      assert.equal(expression.message, OTHERWISE.get(text) ?? message);
    });
  }
});

describe("expressions that expr-lang cannot evaluate", () => {
  for (const text of FAILING) {
    test(text, () => {
      const expression = Expression.compile(text, scope);
      assert.ok(expression instanceof Expression, "it compiles");
      assert.ok(expression.evaluate(environment) instanceof Failure);
    });
  }
});

for (const { name, text, message } of [
  { name: "nesting", text: `${"(".repeat(10_000)}1${")".repeat(10_000)}`, message: /^nested more than 200 deep/ },
  { name: "signs", text: "-".repeat(10_000), message: /^nested more than 200 deep/ },
  ...[
    Array(3_000).fill("1").join(" + "),
    Array(4_000).fill("true").join(" and "),
    `1${" | string()".repeat(3_000)}`,
    `m${".a".repeat(4_000)}`,
    `m${".a()".repeat(3_000)}`,
    `l${"[:]".repeat(6_000)}`,
    "1; ".repeat(3_000),
  ].map((text) => ({ name: `chains, ${text.slice(0, 20)}`, text, message: /^nested more than 500 deep/ })),
  { name: "nodes", text: `[${"1,".repeat(20_000)}]`, message: /exceeds maximum allowed nodes/ },
  {
    name: "steps",
    text: "all(1..1000, all(1..1000, # > 0))",
    message: /^(more than 100000 steps|memory budget exceeded)$/,
  },
  { name: "texts", text: "reduce(1..100, #acc + #acc, 'aa')", message: /^memory budget exceeded$/ },
  { name: "repeat", text: "repeat('abc', 1000000)", message: /^memory budget exceeded$/ },
  { name: "replace", text: "replace(repeat('a', 9999), 'a', repeat('b', 9999))", message: /^memory budget exceeded$/ },
  ...[
    "string(reduce(1..9000, [#acc]))",
    "flatten(reduce(1..9000, [#acc]))",
    "max(reduce(1..9000, [#acc]))",
    "reduce(1..9000, [#acc]) == reduce(1..9000, [#acc])",
    "reduce(1..9000, ({a: #acc}))",
    "reduce(1..9000, groupBy([#acc], 'a'))",
  ].map((text) => ({ name: `depth, ${text}`, text, message: /^nested more than 200 deep$/ })),
  { name: "what is doubled", text: "len(string(reduce(1..60, [#acc, #acc])))", message: /^memory budget exceeded$/ },
  { name: "its name", text: "reduce(1..60, [#acc]) + 1", message: /^invalid operation: (\[\]){59}int \+ int$/ },
  { name: "a date", text: "now()", message: /^unknown name now/ },
]) {
  test(`limit: ${name}`, () => {
    const result = evaluate(text);
    assert.ok(result instanceof Failure);
    assert.match(result.message, message);
  });
}

test("no text throws", () => {
  const pieces = [
    ...[
      "1",
      "2.5",
      "'a'",
      "true",
      "nil",
      "n",
      "s",
      "l",
      "m",
      "u",
      "name()",
      "x",
      "#",
      "#acc",
      ".",
      "?.",
      "[",
      "]",
      "(",
      ")",
    ],
    ...[
      "{",
      "}",
      ",",
      ":",
      ";",
      "?",
      "??",
      "|",
      "..",
      "+",
      "-",
      "*",
      "/",
      "%",
      "**",
      "==",
      "<",
      ">=",
      "and",
      "not",
      "in",
    ],
    ...[
      "matches",
      "contains",
      "let",
      "if",
      "else",
      "=",
      "$env",
      "map(",
      "filter(",
      "len(",
      "sort(",
      "split(",
      "'",
      '"',
      "\\",
    ],
  ];
  const texts = fc.array(fc.constantFrom(...pieces), { maxLength: 20 }).map((words) => words.join(" "));
  fc.assert(
    fc.property(texts, (text) => {
      evaluate(text);
    }),
    { numRuns: 5_000 },
  );
});
