import assert from "node:assert/strict";
import { test } from "node:test";
import { corednsText, type Mistake, type MistakeForm, placedText, startText } from "../../src/corefile/mistake.ts";

const PLACE = { file: "conf/Corefile", line: 14, column: 5 };

for (const { form, directive, starts, at = "" } of [
  { form: "syntax", starts: "conf/Corefile:14 - Syntax error: no" },
  { form: "parsing", starts: "conf/Corefile:14 - Error during parsing: no" },
  { form: "keys", starts: "error inspecting server blocks: no", at: ", at conf/Corefile:14:5" },
  { form: "plain", starts: "no", at: ", at conf/Corefile:14:5" },
  { form: "parsing", directive: "forward", starts: "plugin/forward: conf/Corefile:14 - Error during parsing: no" },
  { form: "plain", directive: "cache", starts: "plugin/cache: no", at: ", at conf/Corefile:14:5" },
] as { form: MistakeForm; directive?: string; starts: string; at?: string }[]) {
  test(`mistake: ${form}${directive === undefined ? "" : ` of ${directive}`}`, () => {
    const mistake: Mistake = { ...PLACE, form, message: "no", ...(directive === undefined ? {} : { directive }) };
    assert.equal(corednsText(mistake), starts);
    assert.equal(startText(mistake), starts + at);
    assert.equal(
      placedText(mistake),
      `conf/Corefile:14:5: ${directive === undefined ? "" : `plugin/${directive}: `}no`,
    );
  });
}

test("mistake: what may have been meant", () => {
  const mistake: Mistake = { ...PLACE, form: "parsing", message: "Unknown directive 'whoam'", suggestion: "whoami" };
  const words = "conf/Corefile:14 - Error during parsing: Unknown directive 'whoam', did you mean 'whoami'?";
  assert.equal(startText(mistake), words);
});

test("mistake: what a file holds cannot break the line or reach the terminal", () => {
  const mistake: Mistake = { ...PLACE, form: "plain", message: "'a\nb\t\u001b[2J\u202ec\0' é" };
  assert.equal(startText(mistake), "'a\\u000ab\\u0009\\u001b[2J\\u202ec\\u0000' é, at conf/Corefile:14:5");
});

test("mistake: a giant word is cut", () => {
  const mistake: Mistake = { ...PLACE, form: "plain", message: "x".repeat(1_000_000) };
  assert.ok(placedText(mistake).length < 1100);
});
