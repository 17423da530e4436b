import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMistakes, wantsColour } from "../../src/cli/check.ts";
import { ConfigMistake, type Mistake } from "../../src/corefile/mistake.ts";
import { parseCorefile } from "../../src/corefile/parser.ts";

/** What `check` shows of a Corefile whose `forward` has the options max_fails and policy. */
function show(text: string, colour = false): string {
  const { blocks, mistakes } = parseCorefile(text, { file: "Corefile", directives: ["forward", "whoami", "log"] });
  const all: Mistake[] = [...mistakes];
  for (const directive of blocks.flatMap((block) => block.directives)) {
    try {
      if (directive.name !== "forward") continue;
      const stanza = directive.once();
      stanza.rest();
      stanza.eachOption({
        max_fails: (line) => line.integer({ min: 0 }),
        policy: (line) => line.oneOf(["random", "round_robin", "sequential"]),
      });
    } catch (error) {
      assert.ok(error instanceof ConfigMistake);
      all.push(error.mistake);
    }
  }
  return formatMistakes(all, new Map([["Corefile", text]]), { colour });
}

for (const { name, text, shown } of [
  { name: "nothing wrong", text: ".\nwhoami\n", shown: [] },
  {
    name: "all mistakes",
    text: "a..test {\n  fowrard . 192.0.2.1\n  forward . 192.0.2.1 {\n    max_fail 3\n  }\n}\nb.test {\n  forward . 192.0.2.1 {\n    policy fastest\n  }\n}\n",
    shown: [
      "Corefile:2:3: Unknown directive 'fowrard'",
      "    2 |   fowrard . 192.0.2.1",
      "      |   ^^^^^^^ did you mean 'forward'?",
      "Corefile:1:1: zone is not a valid domain name: a..test",
      "    1 | a..test {",
      "      | ^^^^^^^",
      "Corefile:4:5: plugin/forward: unknown property 'max_fail'",
      "    4 |     max_fail 3",
      "      |     ^^^^^^^^ did you mean 'max_fails'?",
      "Corefile:9:12: plugin/forward: unknown policy 'fastest', expected random, round_robin or sequential",
      "    9 |     policy fastest",
      "      |            ^^^^^^^",
    ],
  },
  {
    name: "tabs keep the caret below its word",
    text: ".:53 {\n\tlog\t\tx\n\tlog\tfoo\n\twhoam\n}\n",
    shown: ["Corefile:4:2: Unknown directive 'whoam'", "    4 | \twhoam", "      | \t^^^^^ did you mean 'whoami'?"],
  },
  {
    name: "carriage returns and a byte order mark",
    text: "\ufeffa..b {\r\n}\r\n",
    shown: ["Corefile:1:1: zone is not a valid domain name: a..b", "    1 | a..b {", "      | ^^^^"],
  },
  {
    name: "characters beyond 16 bits are one column",
    text: '. {\n  log "\u{1f600}\u{1f600}"\n}\n"\u{1f600}" a..b {\n}\n',
    shown: ["Corefile:4:5: zone is not a valid domain name: a..b", '    4 | "\u{1f600}" a..b {', "      |     ^^^^"],
  },
  {
    name: "a word in quotes that spans lines",
    text: '. {\n  "foo\n  bar" x\n}\n',
    shown: ["Corefile:2:3: Unknown directive 'foo\\u000a  bar'", '    2 |   "foo', "      |   ^^^^"],
  },
  {
    name: "control characters do not reach the terminal",
    text: ". {\n  \u001b[2Jx\n}\n",
    shown: ["Corefile:2:3: Unknown directive '\\u001b[2Jx'", "    2 |   \ufffd[2Jx", "      |   ^^^^^"],
  },
  {
    name: "a long line is cut around the word",
    text: `. {\n  log ${"a ".repeat(200)}}\n}\n`,
    shown: [
      "Corefile:2:407: Unexpected '}' because no matching opening brace",
      `    2 | ${"a ".repeat(30)}}`,
      `      | ${" ".repeat(60)}^`,
    ],
  },
]) {
  test(`check: ${name}`, () => {
    const lines = show(text).split("\n");
    assert.equal(lines.pop(), "");
    assert.deepEqual(lines, shown);
  });
}

test("check: a file that is not at hand shows the message alone", () => {
  const mistake: Mistake = { file: "gone", line: 2, column: 3, form: "parsing", message: "no", suggestion: "yes" };
  assert.equal(formatMistakes([mistake], new Map()), "gone:2:3: no\n   did you mean 'yes'?\n");
});

test("check: a place behind the end of the file", () => {
  const mistake: Mistake = { file: "f", line: 1, column: 9, form: "parsing", message: "no" };
  assert.equal(formatMistakes([mistake], new Map([["f", "ab"]])), "f:1:9: no\n    1 | ab\n      |   ^\n");
});

test("check: colour", () => {
  assert.equal(
    show(".\nwhoam\n", true),
    "\u001b[1mCorefile:2:1: Unknown directive 'whoam'\u001b[0m\n    2 | whoam\n      | \u001b[31m^^^^^\u001b[0m did you mean 'whoami'?\n",
  );
});

for (const { isTty, environment, wants } of [
  { isTty: true, environment: {}, wants: true },
  { isTty: false, environment: {}, wants: false },
  { isTty: true, environment: { NO_COLOR: "1" }, wants: false },
  { isTty: true, environment: { NO_COLOR: "" }, wants: true },
  { isTty: true, environment: { TERM: "dumb" }, wants: false },
]) {
  test(`check: ${wants ? "colour" : "no colour"} with ${JSON.stringify({ isTty, ...environment })}`, () => {
    assert.equal(wantsColour(isTty, environment), wants);
  });
}
