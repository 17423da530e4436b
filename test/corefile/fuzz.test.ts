/**
 * Damaged Corefiles: whatever the bytes, parsing ends soon and gives blocks or mistakes with a place in the file. The
 * seed is fixed, so that a failure can be run again; FUZZ_SEED and FUZZ_ROUNDS search further.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMistakes } from "../../src/cli/check.ts";
import type { Directive } from "../../src/corefile/directive.ts";
import type { CorefileFiles } from "../../src/corefile/files.ts";
import { findClashes } from "../../src/corefile/keys.ts";
import { ConfigMistake, type Mistake, placedText, startText } from "../../src/corefile/mistake.ts";
import { parseCorefile } from "../../src/corefile/parser.ts";
import { PLUGIN_ORDER } from "../../src/corefile/plugin-order.ts";
import { REFERENCE_CASES } from "./reference-cases.ts";

const SEED = Number(process.env.FUZZ_SEED ?? 1);
const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 4000);

const SEEDS = [
  ...REFERENCE_CASES.map((row) => row.corefile),
  '.:53 {\n  errors {\n    consolidate 5m ".* timeout$" warning\n  }\n  log . "{common} \\"x\\"" {\n    class denial error\n  }\n  kubernetes cluster.local in-addr.arpa ip6.arpa {\n    pods verified\n    fallthrough in-addr.arpa\n  }\n  forward . /etc/resolv.conf {\n    max_concurrent 1000\n    health_check 0.5s no_rec\n  }\n  cache 30\n}\n',
  '(s) {\n  log\n  import f\n}\nimport s\n{$ZONE}:{%PORT%} tls://a.test, 10.0.0.0/15 {\n  import s\n  template IN A {\n    match "^x-(?P<n>[0-9]+)"\n    answer "{{ .Name }} 60 IN A 10.0.0.{{ .Group.n }}"\n  }\n}\n',
];
const WORDS = [
  "{",
  "}",
  '"',
  "#",
  "import",
  "import f",
  "import *",
  "import s",
  "(s)",
  ",",
  "\n",
  "\r\n",
  "\0",
  "{$",
  "{$ZONE}",
  "{$LOOP}",
  "{%",
  "\\",
  ":",
  "://",
  "/0",
  "/129",
  "0.0.0.0/1",
  "-1",
  "99999999999999999999",
  "1h",
  "\u{1f600}",
  "\ud800",
  "\ufeff",
  "\u2028",
  "toString",
  "__proto__",
  "constructor",
  ".",
];

/** Imports in a circle make a hundred thousand; a few of them show as much. */
const MAX_DIRECTIVES = 50;

test(`fuzz: ${ROUNDS} damaged Corefiles, seed ${SEED}`, (context) => {
  const random = generator(SEED);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  let withMistakes = 0;
  let slowest = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const text = damage(pick(SEEDS), random, pick);
    const imported = damage(pick(SEEDS), random, pick);
    const files: CorefileFiles = { readFile: () => imported, glob: (pattern) => [pattern, `${pattern}2`] };
    const start = performance.now();
    const { blocks, mistakes, warnings } = parseCorefile(text, {
      file: "Corefile",
      directives: PLUGIN_ORDER,
      environment: { ZONE: "example.org", LOOP: "x{$LOOP}{", PORT: "" },
      files,
    });
    const took = performance.now() - start;
    assert.ok(took < 2000, `${took} ms for ${JSON.stringify(text)}`);
    slowest = Math.max(slowest, took);
    const directives = blocks.flatMap((block) => block.directives).slice(0, MAX_DIRECTIVES);
    const read = directives.flatMap(readAll);
    const all = [
      ...mistakes,
      ...warnings,
      ...read,
      ...findClashes(blocks.map((block) => ({ keys: block.keys, addresses: undefined, hasView: false }))),
    ];
    const lines = text.split("\n");
    for (const mistake of all) checkPlace(mistake, lines);
    formatMistakes(all, new Map([["Corefile", text]]));
    if (mistakes.length > 0) withMistakes++;
  }
  context.diagnostic(`slowest ${slowest.toFixed(0)} ms`);
  // A mutator that breaks nothing, or everything, searches nothing.
  assert.ok(withMistakes > ROUNDS / 4 && withMistakes < ROUNDS, `${withMistakes} of ${ROUNDS} had mistakes`);
});

/** Every reader on every line: it gives a value or throws a ConfigMistake, nothing else. */
function readAll(directive: Directive): Mistake[] {
  const mistakes: Mistake[] = [];
  for (const stanza of directive.stanzas.slice(0, MAX_DIRECTIVES)) {
    for (const line of [stanza, ...stanza.options.slice(0, MAX_DIRECTIVES)]) {
      const readers = [
        () => line.word(),
        () => line.integer({ min: 0 }),
        () => line.decimal(),
        () => line.duration({ bareSeconds: true }),
        () => line.oneOf(["a", "b"]),
        () => line.domainName(),
        () => line.zone(),
        () => line.ip(),
        () => line.address({ defaultPort: 53 }),
        () => line.path(),
        () => line.zones(),
      ];
      for (const read of readers) {
        try {
          read();
        } catch (error) {
          assert.ok(error instanceof ConfigMistake, String(error));
          mistakes.push(error.mistake);
        }
      }
    }
  }
  return [...mistakes, ...directive.warnings];
}

function checkPlace(mistake: Mistake, lines: readonly string[]): void {
  assert.match(placedText(mistake), /^.+:[1-9][0-9]*:[1-9][0-9]*: .+$/);
  assert.doesNotMatch(startText(mistake), /\n/);
  if (mistake.file !== "Corefile") return;
  const line = lines[mistake.line - 1];
  assert.ok(line !== undefined, `line ${mistake.line} of ${JSON.stringify(lines)}`);
  assert.ok(mistake.column <= [...line].length + 1, `column ${mistake.column} of ${JSON.stringify(line)}`);
}

function damage(text: string, random: () => number, pick: <T>(list: readonly T[]) => T): string {
  let damaged = text;
  for (let count = Math.floor(random() * 5); count > 0; count--) {
    const at = Math.floor(random() * (damaged.length + 1));
    const length = Math.floor(random() * 12);
    const kind = random();
    if (kind < 0.3) damaged = damaged.slice(0, at) + damaged.slice(at + length);
    else if (kind < 0.6) damaged = `${damaged.slice(0, at)}${pick(WORDS)}${damaged.slice(at)}`;
    else if (kind < 0.75) damaged = `${damaged.slice(0, at)} ${pick(WORDS)} ${damaged.slice(at)}`;
    else if (kind < 0.85) damaged = damaged.slice(0, at) + damaged.slice(at, at + length).repeat(3) + damaged.slice(at);
    else if (kind < 0.95) damaged += pick(SEEDS);
    else damaged = damaged.slice(0, at);
  }
  return damaged;
}

/** xorshift32: small, and the same everywhere. */
function generator(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
