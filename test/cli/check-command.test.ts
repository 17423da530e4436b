/** `weftdns check` as a process: what it prints, and its exit code. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const directory = mkdtempSync(join(tmpdir(), "check-command-"));
after(() => rmSync(directory, { recursive: true }));

const main = join(import.meta.dirname, "../../src/main.ts");

for (const { name, text, input, code, says } of [
  {
    name: "no Corefile",
    code: 1,
    says: [`there is no Corefile in ${directory}: a start would serve the default, .:53 with whoami and log`],
  },
  {
    name: "a good Corefile",
    text: "b.test a.test {\n  whoami\n}\n",
    code: 0,
    says: ["Corefile is good: a.test.:53, b.test.:53"],
  },
  { name: "standard input", input: ".:1053 {\n  whoami\n}\n", code: 0, says: ["stdin is good: .:1053"] },
  { name: "nothing on standard input", input: "", code: 0, says: ["stdin is good: .:53"] },
  {
    name: "a zone that is no host",
    text: "_tcp\\.a.test {\n  whoami\n}\n",
    code: 0,
    says: [
      'Corefile:1:1: Domain "_tcp\\\\.a.test." does not follow RFC1035 preferred syntax',
      "    1 | _tcp\\.a.test {",
      "      | ^^^^^^^^^^^^",
      "Corefile is good: _tcp\\.a.test.:53",
    ],
  },
  {
    name: "a brace that is stuck to a word",
    text: ".:53 {whoami}\n",
    code: 0,
    says: [
      "Corefile:1:6: '{whoami}' is a zone of this name, as a brace must be a word of its own",
      "    1 | .:53 {whoami}",
      "      |      ^^^^^^^^ did you mean '{ whoami }'?",
      "Corefile is good: .:53, {whoami}.:53",
    ],
  },
  {
    name: "a mistake",
    text: ".:53 {\n  cache{\n}\n",
    code: 1,
    says: ["Corefile:2:3: Unknown directive 'cache{'", "    2 |   cache{", "      |   ^^^^^^ did you mean 'cache {'?"],
  },
]) {
  test(`check: ${name}`, () => {
    const path = join(directory, "Corefile");
    if (text === undefined) rmSync(path, { force: true });
    else writeFileSync(path, text);
    const words = [main, "check", ...(input === undefined ? [] : ["-conf", "stdin"])];
    const { stdout, stderr, status } = spawnSync(process.execPath, words, { cwd: directory, input, encoding: "utf8" });
    assert.deepEqual(`${stderr}${stdout}`.trimEnd().split("\n"), says);
    assert.equal(status, code);
  });
}
