import assert from "node:assert/strict";
import { test } from "node:test";
import { bufsize } from "../../src/plugins/bufsize.ts";
import { whoami } from "../../src/plugins/whoami.ts";
import { linkChain, parseBlock } from "../support/chain.ts";

for (const { directive, size, expected } of [
  { directive: "bufsize", size: 4096, expected: 1232 },
  { directive: "bufsize", size: 1232, expected: 1232 },
  { directive: "bufsize", size: 512, expected: 512 },
  { directive: "bufsize +600", size: 65535, expected: 600 },
  { directive: "bufsize 600", size: 0, expected: 0 },
  { directive: "bufsize 600\n bufsize 700", size: 4096, expected: 600 },
  { directive: "bufsize {\n  700\n }", size: 4096, expected: 1232 },
  { directive: "bufsize 4096", size: undefined, expected: undefined },
]) {
  test(`bufsize: '${directive.replaceAll("\n", " ")}' makes ${expected} of ${size}`, async () => {
    const chain = await linkChain({ plugins: [bufsize, whoami], corefile: `. {\n ${directive}\n whoami\n}` });
    const edns = size === undefined ? {} : { edns: { size } };
    const { reply } = await chain.ask({ ask: "www.example.org. A", ...edns });
    assert.equal(reply?.opt?.size, expected);
    await chain.stop();
  });
}

for (const word of ["511", "4097", "x", "1.5", "-1", "600 700"]) {
  test(`bufsize: '${word}' is a mistake`, () => {
    assert.equal(parseBlock([bufsize], `. {\n bufsize ${word}\n}`).mistakes.length, 1);
  });
}

test("bufsize: the mistake says what was expected", () => {
  assert.deepEqual(parseBlock([bufsize], ". {\n bufsize 511\n}").mistakes, [
    "Corefile:2:10: plugin/bufsize: invalid size '511', expected an integer from 512 to 4096",
  ]);
});
