/**
 * Every case of `reference-cases.ts` against this parser; with `COREDNS=/path/to/coredns` also against the program
 * itself, which keeps the table honest (half a minute).
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import type { CorefileFiles } from "../../src/corefile/files.ts";
import { findClashes, zoneLine } from "../../src/corefile/keys.ts";
import { corednsText } from "../../src/corefile/mistake.ts";
import { DEFAULT_COREFILE, parseCorefile } from "../../src/corefile/parser.ts";
import { PLUGIN_ORDER } from "../../src/corefile/plugin-order.ts";
import type { ServerBlock } from "../../src/corefile/server-block.ts";
import { REFERENCE_CASES, REFERENCE_DNS_PORT, type ReferenceCase } from "./reference-cases.ts";

for (const row of REFERENCE_CASES) {
  const { zones, says } = row.ours ?? row;
  test(`corefile as CoreDNS reads it: ${row.name}`, () => {
    assert.deepEqual(ours(row), says === undefined ? { zones } : { says });
  });
  if (row.ours !== undefined) {
    test(`corefile, a difference that is one: ${row.name}`, () => {
      assert.notDeepEqual({ zones: row.ours?.zones, says: row.ours?.says }, { zones: row.zones, says: row.says });
    });
  }
}

const coredns = process.env.COREDNS;
for (const row of coredns === undefined ? [] : REFERENCE_CASES) {
  test(`CoreDNS itself: ${row.name}`, async () => {
    assert.deepEqual(await theirs(coredns!, row), row.says === undefined ? { zones: row.zones } : { says: row.says });
  });
}

interface Outcome {
  readonly zones?: readonly string[];
  readonly says?: string;
}

function ours(row: ReferenceCase): Outcome {
  const options = {
    file: "Corefile",
    directives: PLUGIN_ORDER,
    environment: row.environment ?? {},
    files: memoryFiles({ Corefile: row.corefile, ...row.files }),
    dnsPort: REFERENCE_DNS_PORT,
  };
  let { blocks, mistakes } = parseCorefile(row.corefile, options);
  if (mistakes.length === 0 && blocks.length === 0) ({ blocks, mistakes } = parseCorefile(DEFAULT_COREFILE, options));
  const [first] = mistakes.length > 0 ? mistakes : findClashes(blocks.map(binding));
  if (first !== undefined) {
    return { says: corednsText(first).replaceAll(process.cwd(), "{DIR}").trimEnd() };
  }
  return { zones: [...new Set(blocks.flatMap(zoneLines))].sort() };
}

/** What the plugins `bind` and `view` would tell. */
function binding(block: ServerBlock) {
  const bind = block.directives.find((directive) => directive.name === "bind");
  return {
    keys: block.keys,
    addresses: bind?.stanzas.flatMap((stanza) => stanza.args.map((token) => token.text)),
    hasView: block.directives.some((directive) => directive.name === "view"),
  };
}

function zoneLines(block: ServerBlock): string[] {
  return block.keys.flatMap((key) =>
    key.zones.flatMap((zone) =>
      (binding(block).addresses ?? [""]).map((address) => zoneLine(key.transport, zone, key.port, address)),
    ),
  );
}

function memoryFiles(files: Readonly<Record<string, string>>): CorefileFiles {
  const names = Object.keys(files);
  return {
    readFile(path) {
      const name = relative(process.cwd(), path);
      const text = files[name];
      if (text !== undefined) return text;
      const isFolder = name === "" || names.some((other) => other.startsWith(`${name}/`));
      throw Object.assign(new Error(isFolder ? "is a directory" : "no such file"), {
        code: isFolder ? "EISDIR" : "ENOENT",
      });
    },
    glob(pattern) {
      const [before, after] = relative(process.cwd(), pattern).split("*");
      return names
        .filter((name) => name.startsWith(before!) && name.endsWith(after!))
        .map((name) => join(process.cwd(), name))
        .sort();
    },
  };
}

async function theirs(program: string, row: ReferenceCase): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "corefile-"));
  for (const [name, text] of Object.entries({ Corefile: row.corefile, ...row.files })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const child = spawn(program, ["-conf", "Corefile", "-dns.port", String(REFERENCE_DNS_PORT)], {
    cwd: folder,
    env: { ...process.env, ...row.environment },
  });
  let output = "";
  let errors = "";
  try {
    await new Promise<void>((resolve) => {
      child.stdout.on("data", (data) => {
        output += data;
        if (output.includes("\nlinux/")) resolve();
      });
      child.stderr.on("data", (data) => {
        errors += data;
      });
      child.on("close", () => resolve());
    });
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
  if (errors !== "") return { says: errors.trim().replaceAll(folder, "{DIR}") };
  const zones = output.split("\n").filter((line) => line !== "" && !/^(Warning|\[|CoreDNS|linux|maxprocs)/.test(line));
  return { zones: zones.sort() };
}
