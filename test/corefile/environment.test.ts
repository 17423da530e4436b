import assert from "node:assert/strict";
import { test } from "node:test";
import { substituteEnvironment } from "../../src/corefile/environment.ts";

const ENVIRONMENT = { A: "aa", B: "b b", "X:def": "y", REFERS: "{$B}", LOOP: "x{$LOOP}", EMPTY: "" };

for (const { word, value } of [
  { word: "{$A}", value: "aa" },
  { word: "{%A%}", value: "aa" },
  { word: "1{$A}2{%B%}3", value: "1aa2b b3" },
  { word: "{$UNSET}", value: "" },
  { word: "{$EMPTY}", value: "" },
  { word: "{$X:def}", value: "y" },
  { word: "{$toString}", value: "" },
  { word: "{$}", value: "{$}" },
  { word: "{$}{$A}", value: "{$}{$A}" },
  { word: "{$A}{$}", value: "aa{$}" },
  { word: "{%%}x", value: "{%%}x" },
  { word: "{$A", value: "{$A" },
  { word: "{$A}{$", value: "aa{$" },
  { word: "{$a{$A}", value: "" },
  { word: "{{$x}}", value: "{}" },
  { word: "{$REFERS}", value: "b b" },
  { word: "{%REFERS%}", value: "b b" },
  { word: "{{ .Name }}", value: "{{ .Name }}" },
]) {
  test(`environment: ${word}`, () => assert.equal(substituteEnvironment(word, ENVIRONMENT), value));
}

test("environment: a variable that refers to itself comes to an end", () => {
  assert.match(substituteEnvironment("{$LOOP}", ENVIRONMENT), /^x{100}\{\$LOOP\}$/);
});
