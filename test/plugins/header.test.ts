import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { autopath } from "../../src/plugins/autopath.ts";
import { cache } from "../../src/plugins/cache/index.ts";
import { erratic } from "../../src/plugins/erratic.ts";
import { header } from "../../src/plugins/header.ts";
import { linkChain, parseBlock } from "../support/chain.ts";

for (const { rules, flags, failed = "qr rd" } of [
  { rules: ["response set ra"], flags: "qr aa rd ra" },
  { rules: ["Response SET AA", "response clear aa rd"], flags: "qr" },
  { rules: ["response clear aa", "response set aa"], flags: "qr aa rd" },
  { rules: ["query clear rd"], flags: "qr aa", failed: "qr" },
  { rules: ["query clear rd", "query set rd aa ra"], flags: "qr aa rd" },
]) {
  test(`header: ${rules.join(", ")}`, async () => {
    const corefile = `. {\n header {\n ${rules.join("\n ")}\n }\n erratic {\n  drop 0\n }\n}`;
    const chain = await linkChain({ plugins: [header, erratic], corefile });
    assert.equal((await chain.ask({ ask: "www.example.org. A" })).reply?.flags, flags);
    assert.equal((await chain.ask({ ask: "www.example.org. MX" })).reply?.flags, failed);
    await chain.stop();
  });
}

for (const before of ["cache", "autopath"]) {
  test(`header: behind ${before} an error that the server writes repeats the client's RD`, async () => {
    const directory = mkdtempSync(join(tmpdir(), "header-"));
    writeFileSync(join(directory, "resolv.conf"), "search example.org\n");
    const arguments_ = before === "cache" ? "" : join(directory, "resolv.conf");
    const rules = "header {\n query set rd\n}\nerratic {\n drop 0\n}";
    const corefile = `. {\n${before} ${arguments_}\n${rules}\n}`;
    const chain = await linkChain({ plugins: [before === "cache" ? cache : autopath, header, erratic], corefile });
    const { reply } = await chain.ask({ ask: "www.example.org. MX", flags: "" });
    await chain.stop();
    rmSync(directory, { recursive: true });
    assert.equal(reply?.flags, "qr");
  });
}

for (const [options, mistake] of [
  ["response set cd", "3:15: plugin/header: setting up rule: unknown/unsupported flag=cd"],
  ["response set", "3:11: plugin/header: setting up rule: invalid length for flags, at least one should be provided"],
  ["response", "3:2: plugin/header: setting up rule: no flag action provided"],
  ["set aa", "3:2: plugin/header: setting up rule: invalid selector=set should be query or response"],
  ["response foo aa", "3:11: plugin/header: setting up rule: unknown flag action=foo, should be set or clear"],
]) {
  test(`header: '${options}' is a mistake`, () => {
    assert.deepEqual(parseBlock([header], `. {\n header {\n ${options}\n }\n}`).mistakes, [`Corefile:${mistake}`]);
  });
}

test("header: needs a rule, and says what it leaves out", () => {
  assert.equal(parseBlock([header], ". {\n header\n}").mistakes.length, 1);
  assert.equal(parseBlock([header], ". {\n header {\n }\n}").mistakes.length, 1);
  const twice = parseBlock([header], ". {\n header x {\n query set rd\n }\n header {\n query set rd\n }\n}");
  assert.deepEqual([twice.mistakes.length, twice.warnings.length], [0, 2]);
});
