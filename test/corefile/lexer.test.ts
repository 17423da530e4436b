import assert from "node:assert/strict";
import { test } from "node:test";
import { lex } from "../../src/corefile/lexer.ts";

const MANY = 1000;

for (const { name, text, words } of [
  { name: "white space separates", text: "a  b\tc\n\nd", words: ["a@1:1", "b@1:4", "c@1:6", "d@3:1"] },
  {
    name: "Unicode white space too",
    text: "a\u00a0b\u2003c\u3000d\u0085e",
    words: ["a@1:1", "b@1:3", "c@1:5", "d@1:7", "e@1:9"],
  },
  { name: "a zero width no-break space is no white space", text: "a\ufeffb", words: ["a\ufeffb@1:1"] },
  { name: "a byte order mark is dropped", text: "\ufeffa b", words: ["a@1:1", "b@1:3"] },
  { name: "carriage returns are skipped, even in a word", text: "a\r\nwho\rami\r\n", words: ["a@1:1", "whoami@2:1"] },
  { name: "a comment", text: "# a\nb # c d\n#", words: ["b@2:1"] },
  { name: "a comment in the middle of a word", text: "foo#bar baz\nqux", words: ["foo@1:1", "qux@2:1"] },
  { name: "quotes keep white space and comments", text: '"a b#c" d', words: ['"a b#c"@1:1', "d@1:9"] },
  { name: "an empty word in quotes is a word", text: '"" a', words: ['""@1:1', "a@1:4"] },
  { name: "a quote within a word is a character", text: 'a"b c"', words: ['a"b@1:1', 'c"@1:5'] },
  { name: "only the quote can be escaped", text: '"a\\"b\\n\\\\."', words: ['"a"b\\n\\\\."@1:1'] },
  { name: "no escapes outside quotes", text: "a\\\nb", words: ["a\\@1:1", "b@2:1"] },
  { name: "the closing quote ends the word", text: '"a"b', words: ['"a"@1:1', "b@1:4"] },
  { name: "other quotes are characters", text: "'a b' `c`", words: ["'a@1:1", "b'@1:4", "`c`@1:7"] },
  { name: "a quoted word spans lines", text: '"a\nb" c\nd', words: ['"a\nb"@1:1-2', "c@2:4", "d@3:1"] },
  {
    name: "columns count characters",
    text: 'a\u{1f600}b "\u{1f600}" c',
    words: ["a\u{1f600}b@1:1", '"\u{1f600}"@1:5', "c@1:9"],
  },
  { name: "NUL is a character", text: "a\0b", words: ["a\0b@1:1"] },
  { name: "a variable", text: "{$A} x{%A%}", words: ['"1 {"@1:1', '"x1 {"@1:6'] },
  { name: "a variable in quotes", text: '"{$A}"', words: ['"1 {"@1:1'] },
  { name: "braces are words", text: "a {\n}", words: ["a@1:1", "{@1:3", "}@2:1"] },
  { name: "a brace that touches a word is part of it", text: "{a} b{", words: ["{a}@1:1", "b{@1:5"] },
]) {
  test(`lexer: ${name}`, () => {
    const shown = lex(text, "f", { A: "1 {" }, MANY).tokens.map((token) => {
      const mark = token.quoted ? '"' : "";
      const end = token.endLine === token.line ? "" : `-${token.endLine}`;
      return `${mark}${token.text}${mark}@${token.line}:${token.column}${end}`;
    });
    assert.deepEqual(shown, words);
  });
}

test("lexer: the width of a word is what it takes in the file", () => {
  const { tokens } = lex('{$A} "a\\"b" \u{1f600}x "a b\nc"', "f", { A: "long value" }, MANY);
  assert.deepEqual(
    tokens.map((token) => token.width),
    [4, 6, 2, 4],
  );
});

test("lexer: a quote that is never closed reaches to the end", () => {
  const { tokens, unclosed } = lex('a "b\nc', "f", {}, MANY);
  assert.deepEqual(
    tokens.map((token) => token.text),
    ["a", "b\nc"],
  );
  assert.equal(unclosed, tokens[1]);
});

test("lexer: stops one word behind the limit", () => {
  assert.equal(lex("a b c d e", "f", {}, 3).tokens.length, 4);
});
