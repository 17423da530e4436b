/** Users' own plugins: what a reload takes, and what is said of files that are none. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { placedText } from "../../src/corefile/mistake.ts";
import { hashOfSource, loadConfiguration } from "../../src/supervisor/configuration.ts";
import { TestServer } from "../support/server.ts";

const directory = mkdtempSync(join(tmpdir(), "own-plugins-"));
after(() => rmSync(directory, { recursive: true }));

function sourceOf(directive: string) {
  const text = `.:1053 {\n  ${directive.replace("./", `${directory}/`)}\n}\n`;
  return { file: "Corefile", text, dnsPort: 53, logFormat: "text" as const, environment: {} };
}

for (const { directive, code, says } of [
  { directive: "// whoami", says: "Unknown directive '//', comments begin with #" },
  { directive: "/* whoami */", says: "Unknown directive '/*', comments begin with #" },
  {
    directive: "./none.mjs",
    says: "Unknown directive './none.mjs', it is no plugin: open ./none.mjs: no such file or directory",
  },
  { directive: "./", says: "Unknown directive './', it is no plugin: open ./: not a file" },
  {
    directive: "./syntax.mjs",
    code: "export default (",
    says: "Unknown directive './syntax.mjs', it is no plugin: Unexpected end of input",
  },
  {
    directive: "./number.mjs",
    code: "export default 5",
    says: "Unknown directive './number.mjs', it is no plugin: it has no plugin as its default export",
  },
  {
    directive: "./throws.mjs",
    code: "throw new Error('boom')",
    says: "Unknown directive './throws.mjs', it is no plugin: boom (line 1)",
  },
  {
    directive: "./hangs.mjs",
    code: "await new Promise(() => {}); export default { parse: () => {} }",
    says: "Unknown directive './hangs.mjs', it is no plugin: it has not loaded within 5 s",
  },
  {
    directive: "./before.mjs",
    code: "export default { name: 'p', before: 'nobody', parse: () => {} }",
    says: "Unknown directive './before.mjs', it is no plugin: it wants to stand before nobody, which is no plugin",
  },
  {
    directive: "./parse.mjs",
    code: "export default { name: 'p', parse() { null.x } }",
    says: "plugin/./parse.mjs: ./parse.mjs has failed: Cannot read properties of null (reading 'x') (line 1)",
  },
  {
    directive: "./mistake.mjs",
    code: "export default { name: 'p', parse: (directive) => directive.fail('no') }",
    says: "plugin/./mistake.mjs: no",
  },
]) {
  test(`own plugin: ${directive}`, async () => {
    if (code !== undefined) writeFileSync(join(directory, directive), code);
    const loaded = await loadConfiguration(sourceOf(directive), 1);
    assert.ok(Array.isArray(loaded));
    assert.deepEqual(
      loaded.map((mistake) => placedText(mistake).replaceAll(`${directory}/`, "./")),
      [`Corefile:2:3: ${says}`],
    );
  });
}

test("own plugin: its name, and a hash that changes with its code", async () => {
  const path = join(directory, "named.mjs");
  const source = sourceOf("./named.mjs");
  const hashes: string[] = [];
  for (const code of ["1", "2", "1"]) {
    writeFileSync(path, `export default { name: "named", parse: () => ${code}, serve: () => () => 0 }`);
    const loaded = await loadConfiguration(source, 1);
    assert.ok(!Array.isArray(loaded));
    const [element] = loaded.plan.blocks[0]!.elements;
    assert.deepEqual([element?.plugin, element?.config], ["named", Number(code)]);
    assert.equal(hashOfSource(source), loaded.hash);
    hashes.push(loaded.hash);
  }
  assert.deepEqual(
    hashes.map((hash) => hash === hashes[0]),
    [true, false, true],
  );
});

/** Answers A with the number of its version, and hangs when TXT is asked. */
function answering(version: number): string {
  return `export default {
    name: "numbered",
    parse: (directive) => directive.alone(),
    serve: (config, { log }) => (query) => {
      while (query.type === 16);
      log.info("asked");
      query.reply.begin(query);
      query.reply.add(0, query.name.toWire(), 1, 1, 60, new Uint8Array([192, 0, 2, ${version}]));
      return 0;
    },
  };`;
}

test("own plugin: a reload takes the new code in all workers", { timeout: 60_000 }, async () => {
  const server = await TestServer.start({
    corefile: ".:{PORT} {\n  multisocket 2\n  {DIR}/numbered.mjs\n}\n",
    files: { "numbered.mjs": answering(1) },
  });
  const answers = async () => {
    const seen = new Set<string>();
    for (let i = 0; i < 40; i++) {
      for (const line of (await server.ask({ ask: "a.test. A" }))?.answer ?? ["none"]) seen.add(line);
    }
    return [...seen];
  };
  try {
    assert.deepEqual(await answers(), ["a.test. 60 IN A 192.0.2.1"]);
    server.write("numbered.mjs", answering(2));
    server.signal("SIGUSR1");
    assert.ok(await server.line(/^\[INFO\] Reloading complete$/, 0, 10_000));
    assert.deepEqual(await answers(), ["a.test. 60 IN A 192.0.2.2"]);
    void server.ask({ ask: "a.test. TXT" });
    assert.ok(await server.line(/died and is replaced/, 0, 10_000));
    assert.deepEqual(await answers(), ["a.test. 60 IN A 192.0.2.2"]);
    assert.ok(server.lines.includes("[INFO] plugin/numbered: asked"));
  } finally {
    await server.stop();
  }
});
