import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseUnsigned } from "../../src/template/go-number.ts";
import { Template } from "../../src/template/template.ts";
import { Failure, fromBytes, Method, type Struct, type Value } from "../../src/template/value.ts";
import { FAILING, TEXTS, UNREADABLE } from "./reference-cases.ts";

const FIELDS: Readonly<Record<string, Value>> = {
  Zone: "a.test.",
  Name: "x-7.a.test.",
  Match: ["x-7", "x", "7"],
  Group: new Map([
    ["0", "x-7"],
    ["1", "x"],
    ["n", "7"],
  ]),
  Class: "IN",
  Type: "A",
  Id: 65_000n,
  N: -5n,
  F: 2.5,
  B: true,
  Empty: [],
  Var: new Map<string, Value>([
    ["a", true],
    ["p", 8n],
    ["f", 1.5],
    ["s", "str"],
    ["l", [1n, "b", undefined]],
    ["m", new Map<string, Value>([["k", 1n]])],
  ]),
  Nested: [[1n, 2n], "x"],
};
const meta = new Method("Meta", ["string"], (label: string) => `meta:${label}`);
const DATA: Struct = {
  typeName: "*main.data",
  has: (name) => name === "Meta" || Object.hasOwn(FIELDS, name),
  member: (name) => (name === "Meta" ? meta : FIELDS[name]),
  toText: () => "data",
};
const FUNCTIONS = [new Method("parseInt", ["string", "int", "int"], parseUnsigned)];

/** The text, or the message of the failure. */
function run(text: string): { text: string } | { failure: string } {
  const template = Template.parse("answer", text, FUNCTIONS);
  const result = template instanceof Failure ? template : template.run(DATA);
  if (result instanceof Failure) return { failure: fromBytes(result.message) };
  return { text: fromBytes(result) };
}

/** Where our words are others than Go's: limits, and types that only Go knows. */
const OTHER_WORDS: ReadonlyMap<string, string> = new Map([
  ["{{ len .Var.zz }}", "error calling len: len of nil pointer"],
  ["{{ .Var.m.k.z }}", "can't evaluate field z in type int"],
  ["{{ call .Name }}", "error calling call: non-function of type string"],
]);

describe("templates as Go runs them", () => {
  for (const [template, text] of TEXTS) test(JSON.stringify(template), () => assert.deepEqual(run(template), { text }));
});

describe("templates that Go cannot read", () => {
  for (const [template, message] of UNREADABLE) {
    test(JSON.stringify(template), () => {
      const result = Template.parse("answer", template, FUNCTIONS);
      assert.ok(result instanceof Failure, "it is refused when it is read");
      assert.equal(fromBytes(result.message), message);
    });
  }
});

describe("templates that Go cannot run", () => {
  for (const [template, message] of FAILING) {
    test(JSON.stringify(template), () => {
      assert.ok(Template.parse("answer", template, FUNCTIONS) instanceof Template, "it can be read");
      const result = run(template);
      const other = OTHER_WORDS.get(template);
      if (other === undefined) assert.deepEqual(result, { failure: message });
      else assert.ok("failure" in result && result.failure.endsWith(other), JSON.stringify(result));
    });
  }
});

describe("limits", () => {
  for (const { name, template, failure } of [
    { name: "steps", template: "{{ range 1000000 }}{{ end }}", failure: /more than 100000 steps$/ },
    {
      name: "nested loops",
      template: "{{ range 1000 }}{{ range 1000 }}{{ end }}{{ end }}",
      failure: /more than 100000 steps$/,
    },
    { name: "a wide number", template: `{{ printf "%900000d" 1 }}`, failure: /more than 262144 bytes$/ },
    { name: "much text", template: `{{ range 9000 }}${"x".repeat(100)}{{ end }}`, failure: /more than 262144 bytes$/ },
    {
      name: "a text that grows",
      template: `{{ $x := "0123456789" }}{{ range 60 }}{{ $x = print $x $x }}{{ end }}`,
      failure: /more than 262144 bytes$/,
    },
    {
      name: "calls of itself",
      template: `{{ template "answer" }}`,
      failure: /exceeded maximum template depth \(100\)$/,
    },
    {
      name: "parentheses",
      template: `{{ ${"(".repeat(5000)}1${")".repeat(5000)} }}`,
      failure: /nested more than 100 deep$/,
    },
    {
      name: "blocks",
      template: `${"{{if 1}}".repeat(5000)}${"{{end}}".repeat(5000)}`,
      failure: /nested more than 100 deep$/,
    },
    {
      name: "blocks within calls of itself",
      template: `${"{{if 1}}".repeat(98)}{{ template "answer" }}${"{{end}}".repeat(98)}`,
      failure: /nested more than 1000 deep$/,
    },
    {
      name: "else if",
      template: `{{if 0}}${"{{else if 0}}".repeat(5000)}{{end}}`,
      failure: /nested more than 100 deep$/,
    },
  ]) {
    test(name, () => {
      const result = run(template);
      assert.ok("failure" in result && failure.test(result.failure), JSON.stringify(result).slice(0, 200));
    });
  }
});

const TEXT_OF = new Map([
  ["{{  .Name   }} 60 IN A  1.2.3.4", "{{.Name}} 60 IN A  1.2.3.4"],
  [
    "{{ if eq .Name `a` }}x{{ else }}{{ range $i, $e := .Match }}{{ $e }}{{ end }}{{ end }}",
    "{{if eq .Name `a`}}x{{else}}{{range $i, $e := .Match}}{{$e}}{{end}}{{end}}",
  ],
  [`{{ .Meta "a/b" | printf "%s" }}{{/* c */}}`, `{{.Meta "a/b" | printf "%s"}}`],
]);
for (const [source, text] of TEXT_OF) {
  test(`the text of ${source}`, () => {
    const template = Template.parse("answer", source, FUNCTIONS);
    assert.ok(template instanceof Template);
    assert.equal(template.text, text);
  });
}

test("no text throws, and what it gives is bounded", () => {
  const pieces = [
    ...[
      "{{",
      "}}",
      "{{-",
      "-}}",
      " ",
      ".Name",
      ".Group",
      ".Match",
      "$x",
      ":=",
      "=",
      ",",
      "|",
      "(",
      ")",
      '"a"',
      "`b`",
      "'c'",
    ],
    ...[
      "1",
      "-2.5",
      "0x1F",
      "if",
      "else",
      "end",
      "range",
      "with",
      "define",
      "template",
      "block",
      "break",
      "nil",
      "true",
    ],
    ...[
      "printf",
      '"%v"',
      '"%*d"',
      "index",
      "slice",
      "eq",
      "lt",
      "len",
      "parseInt",
      ".Meta",
      "é",
      "\\",
      "\n",
      "/*",
      "*/",
      "#",
    ],
  ];
  const texts = fc.array(fc.constantFrom(...pieces), { maxLength: 24 }).map((words) => words.join(""));
  fc.assert(
    fc.property(texts, (text) => {
      const result = run(text);
      return "failure" in result || result.text.length <= 262_144;
    }),
    { numRuns: 3_000 },
  );
});
