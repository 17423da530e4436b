/** The plugin that README shows as one of your own is loaded by its path, and answers. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { projectRoot } from "../house/sources.ts";
import { TestServer } from "../support/server.ts";

test("README's plugin", { timeout: 60_000 }, async () => {
  const readme = readFileSync(join(projectRoot, "README.md"), "utf8");
  const [, indented = ""] = /^( {4}\/\/ greeting\.js\n(?: {4}.*\n|\n)+)/m.exec(readme) ?? [];
  const server = await TestServer.start({
    corefile: "example.org:{PORT} {\n  ./greeting.js\n  whoami\n}\n",
    files: { "greeting.js": indented.replace(/^ {4}/gm, ""), "package.json": '{ "type": "module" }' },
  });
  try {
    const text = await server.ask({ ask: "www.example.org. TXT" });
    assert.deepEqual(text?.answer, ['www.example.org. 60 IN TXT "hello"']);
    const other = await server.ask({ ask: "www.example.org. A" });
    assert.deepEqual([other?.rcode, other?.answer], ["NOERROR", []]);
  } finally {
    await server.stop();
  }
});
