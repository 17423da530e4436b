import assert from "node:assert/strict";
import { test } from "node:test";
import type { CorefileFiles } from "../../src/corefile/files.ts";
import { MAX_FILE_LENGTH } from "../../src/corefile/lexer.ts";
import { placedText } from "../../src/corefile/mistake.ts";
import { type Parsed, parseCorefile } from "../../src/corefile/parser.ts";
import { PLUGIN_ORDER } from "../../src/corefile/plugin-order.ts";
import type { ServerBlock } from "../../src/corefile/server-block.ts";

const NO_FILES: CorefileFiles = {
  readFile: () => {
    throw Object.assign(new Error("no such file"), { code: "ENOENT" });
  },
  glob: () => [],
};

function parse(text: string, files = NO_FILES): Parsed {
  return parseCorefile(text, { file: "Corefile", directives: PLUGIN_ORDER, files });
}

/** `name arg arg { option arg; option }`, one for each stanza. */
function shape(block: ServerBlock): string[] {
  return block.directives.flatMap((directive) =>
    directive.stanzas.map((stanza) => {
      const line = [directive.name, ...stanza.args.map((token) => token.text)].join(" ");
      const options = stanza.options.map((option) =>
        [option.name, ...option.args.map((token) => token.text)].join(" "),
      );
      return stanza.brace === undefined ? line : `${line} { ${options.join("; ")} }`;
    }),
  );
}

for (const { name, text, blocks } of [
  { name: "a block", text: ".:53 {\n  whoami\n  log\n}\n", blocks: [["whoami", "log"]] },
  { name: "arguments", text: ". {\n  forward . 192.0.2.1 192.0.2.2\n}", blocks: [["forward . 192.0.2.1 192.0.2.2"]] },
  {
    name: "options",
    text: ". {\n  cache 30 {\n    success 10 60\n    keepttl\n  }\n}",
    blocks: [["cache 30 { success 10 60; keepttl }"]],
  },
  { name: "no options", text: ". {\n  cache {\n  }\n}", blocks: [["cache {  }"]] },
  { name: "options in one line", text: ". {\n  erratic { drop 5 }\n}", blocks: [["erratic { drop 5 }"]] },
  {
    name: "the uses of a directive stand together, in their order",
    text: ". {\n  rewrite stop a\n  log\n  rewrite stop b\n}",
    blocks: [["rewrite stop a", "rewrite stop b", "log"]],
  },
  { name: "words in quotes", text: '. {\n  log . "{common} x"\n}', blocks: [["log . {common} x"]] },
  { name: "a brace in quotes is a word", text: '. {\n  log . "{" "}"\n}', blocks: [["log . { }"]] },
  {
    name: "arguments behind a word that spans lines",
    text: '. {\n  template IN A {\n    answer "a\n b" c\n    match x\n  }\n}',
    blocks: [["template IN A { answer a\n b c; match x }"]],
  },
  {
    name: "a snippet twice in a row is two lines",
    text: "(s) { log a\n}\n. {\n import s\n import s\n}",
    blocks: [["log a", "log a"]],
  },
  {
    name: "a snippet of options",
    text: "(s) {\n prefetch 2\n keepttl\n}\n. {\n cache {\n success 10\n import s\n denial 5\n}\n}",
    blocks: [["cache { success 10; prefetch 2; keepttl; denial 5 }"]],
  },
  { name: "two blocks", text: "a.test {\n log\n}\nb.test {\n whoami\n}", blocks: [["log"], ["whoami"]] },
]) {
  test(`parser: ${name}`, () => {
    const parsed = parse(text);
    assert.deepEqual(parsed.mistakes, []);
    assert.deepEqual(parsed.blocks.map(shape), blocks);
  });
}

for (const { name, text, mistakes, warnings } of [
  {
    name: "every unknown directive, with the nearest word",
    text: "a.test {\n  fowrard . 192.0.2.1 {\n    foo\n  }\n  example\n}\nb.test {\n  cahce\n}\n",
    mistakes: [
      "Corefile:2:3: Unknown directive 'fowrard' (forward)",
      "Corefile:5:3: Unknown directive 'example'",
      "Corefile:8:3: Unknown directive 'cahce' (cache)",
    ],
  },
  {
    name: "bad keys behind bad words",
    text: "a..test b.test: {\n  foo\n}\n.:70000 {\n}\n",
    mistakes: [
      "Corefile:2:3: Unknown directive 'foo'",
      "Corefile:1:1: zone is not a valid domain name: a..test",
      'Corefile:1:9: expecting data after last colon: "b.test:"',
      "Corefile:4:1: address 70000: invalid port",
    ],
  },
  {
    name: "a block in one line, then a good one",
    text: ". { whoami }\na.test {\n  log\n}\n",
    mistakes: ["Corefile:1:12: Unexpected '}' because no matching opening brace"],
  },
  {
    name: "words behind a closing brace",
    text: ". {\n  cache {\n  } 30 log {\n  }\n}\n",
    mistakes: [
      "Corefile:3:5: Unexpected token '30' behind '}', expecting the end of the line",
      "Corefile:3:8: Unexpected token 'log' behind '}', expecting the end of the line",
      "Corefile:3:12: Unexpected token '{' behind '}', expecting the end of the line",
    ],
  },
  {
    name: "braces within options, each once",
    text: ". {\n  cache {\n    success 10 {\n      denial 5 {\n      }\n    }\n    denial {\n    }\n  }\n}\n",
    mistakes: [
      "Corefile:3:16: Unexpected token '{', expecting argument",
      "Corefile:7:12: Unexpected token '{', expecting argument",
    ],
  },
  {
    name: "the end within options is one mistake",
    text: ". {\n  cache {\n    success 10\n",
    mistakes: ["Corefile:3:13: Unexpected EOF"],
  },
  {
    name: "a block without a zone",
    text: "{\n  whoami\n}\n",
    mistakes: [],
    warnings: ["Corefile:1:1: this server block has no zone, so it is never served"],
  },
  {
    name: "a variable that is not set in place of the zone",
    text: "{$ZONE}\nwhoami\n",
    mistakes: [],
    warnings: ["Corefile:1:1: this server block has no zone, so it is never served"],
  },
  {
    name: "a snippet with an open brace",
    text: "(s) {\n  {\n  log\n}\n. {\n  import s\n}\n",
    mistakes: ["Corefile:7:1: Unexpected token '}', expecting '}'"],
  },
  {
    name: "imports go on behind a mistake",
    text: ". {\n  import a b\n  import c\n  import\n  import d*e*\n}\n",
    mistakes: [
      "Corefile:2:12: Import takes only one argument (glob pattern or file)",
      "Corefile:3:10: File to import not found: c",
      "Corefile:4:3: Wrong argument count or unexpected line ending after 'import'",
      `Corefile:5:10: Glob pattern may only contain one wildcard (*), but has others: ${process.cwd()}/d*e*`,
    ],
  },
  {
    name: "a quote that swallows the end",
    text: '. {\n  log . "{common}\n}\n',
    mistakes: [
      "Corefile:2:9: this quote is never closed",
      "Corefile:2:9: Unexpected token '{common}\\u000a}\\u000a', expecting '}'",
    ],
  },
  {
    name: "a quote that swallows nothing",
    text: '.\nlog . "{common}',
    mistakes: [],
    warnings: ["Corefile:2:7: this quote is never closed"],
  },
  {
    name: "a brace too few, as CoreDNS lets it pass",
    text: ". {\n  cache {\n  }\n",
    mistakes: [],
    warnings: ["Corefile:3:3: the server block is not closed, expected one more '}'"],
  },
  {
    name: "the name of a snippet that is nearly right",
    text: "(snip) {\n  whoami\n}\n. {\n  import snpi\n}\n",
    mistakes: ["Corefile:5:10: File to import not found: snpi (snip)"],
  },
  {
    name: "a brace too many, as CoreDNS lets it pass",
    text: ". {\n}\n}\n",
    mistakes: [],
    warnings: ["Corefile:3:1: this '}' closes nothing, so it is a zone of this name"],
  },
  {
    name: "an option's line that ends with the brace",
    text: ". {\n  cache {\n    keepttl }\n  }\n  log .\n  whoami\n}\n",
    mistakes: [],
    warnings: ["Corefile:5:3: 'log' is a zone of this name, outside of a block"],
  },
  { name: "a plugin's name for a zone", text: "log {\n  whoami\n}\n", mistakes: [], warnings: [] },
  {
    name: "a second brace",
    text: ". { {\n  whoami\n}\n}\n",
    mistakes: ["Corefile:1:5: Unknown directive '{'"],
  },
  {
    name: "a pattern without matches",
    text: ". {\n  import conf.d/*\n}\n",
    mistakes: [],
    warnings: ["Corefile:2:10: No files matching import glob pattern: conf.d/*"],
  },
] as { name: string; text: string; mistakes: string[]; warnings?: string[] }[]) {
  test(`parser: ${name}`, () => {
    const parsed = parse(text);
    const said = (mistake: Parsed["mistakes"][number]) =>
      placedText(mistake) + (mistake.suggestion === undefined ? "" : ` (${mistake.suggestion})`);
    assert.deepEqual(parsed.mistakes.map(said), mistakes);
    assert.deepEqual(parsed.warnings.map(said), warnings ?? []);
  });
}

test("parser: places and keys of a block", () => {
  const { blocks } = parse("\n  Example.org:1053, tls://.,\n  10.0.0.0/23 {\n root a\n root /zones\n}");
  const [block] = blocks;
  assert.deepEqual(block!.place, { file: "Corefile", line: 2, column: 3 });
  assert.deepEqual(
    block!.keys.map(({ token, ...key }) => ({ ...key, at: `${token.line}:${token.column}` })),
    [
      { transport: "dns", zones: ["example.org."], port: 1053, at: "2:3" },
      { transport: "tls", zones: ["."], port: 853, at: "2:21" },
      { transport: "dns", zones: ["0.0.10.in-addr.arpa.", "1.0.10.in-addr.arpa."], port: 53, at: "3:3" },
    ],
  );
  assert.equal(block!.root, "/zones");
});

test("parser: an imported file is read once, however often it is imported", () => {
  let reads = 0;
  const files = {
    ...NO_FILES,
    readFile: () => {
      reads++;
      return "log\n";
    },
  };
  const { blocks, mistakes } = parse(`. {\n${" import f\n".repeat(50)}}\n`, files);
  assert.deepEqual(mistakes, []);
  assert.equal(blocks[0]!.directives[0]!.stanzas.length, 50);
  assert.equal(reads, 1);
});

test("parser: imports are relative to the importing file", () => {
  const paths: string[] = [];
  const files = {
    ...NO_FILES,
    readFile: (path: string) => {
      paths.push(path);
      return path.endsWith("a") ? "import c/b\n" : "whoami\n";
    },
  };
  parseCorefile(". {\n import ../x/a\n}", { file: "/etc/conf/Corefile", directives: PLUGIN_ORDER, files });
  assert.deepEqual(paths, ["/etc/x/a", "/etc/x/c/b"]);
});

const doubling = Array.from({ length: 40 }, (_, i) => `(s${i + 1}) {\n import s${i}\n import s${i}\n}\n`).join("");
for (const { name, text, says, files } of [
  {
    name: "a giant file",
    text: "a".repeat(MAX_FILE_LENGTH + 1),
    says: /^Corefile:1:1: Corefile is larger than 4 MiB$/,
  },
  {
    name: "more words than there is memory for",
    text: "a ".repeat(600_000),
    says: /more than 500000 words, imported ones included/,
  },
  { name: "a mistake in every line", text: `. {\n${" foo\n".repeat(10_000)}}\n`, says: /stopped after 100 mistakes/ },
  {
    name: "snippets that double",
    text: `(s0) {\n log\n}\n${doubling}. {\n import s40\n}`,
    says: /maximum snippet import depth \(10000\) exceeded/,
  },
  {
    name: "a long snippet that is imported often",
    text: `(s0) {\n${" log\n".repeat(1000)}}\n${doubling}. {\n import s30\n}`,
    says: /more than 500000 words, imported ones included/,
  },
  {
    name: "a file that imports itself",
    text: "import Corefile\n",
    says: /maximum file import depth \(100000\) exceeded/,
    files: { ...NO_FILES, readFile: () => "import Corefile\n" },
  },
  {
    name: "a file that imports itself twice",
    text: "import Corefile\n",
    says: /maximum file import depth \(100000\) exceeded|more than 500000 words/,
    files: { ...NO_FILES, readFile: () => "import Corefile\nimport Corefile\n" },
  },
  {
    name: "a folder that leads to itself",
    text: "import sub/x*\n",
    says: /Could not import sub\/x\*: the path is too long$/,
    files: { readFile: () => "import sub/x*\n", glob: (pattern) => [pattern] },
  },
  { name: "a prefix of many zones, many times", text: "0.0.0.0/1 ".repeat(100_000), says: /more than 200000 zones/ },
  { name: "braces in every line", text: `. {\n log ${"{\n".repeat(300_000)}`, says: /Unexpected EOF/ },
] as { name: string; text: string; says: RegExp; files?: CorefileFiles }[]) {
  test(`parser, in bounded time: ${name}`, () => {
    const start = performance.now();
    const { mistakes } = parse(text, files);
    assert.match(placedText(mistakes.at(-1)!), says);
    assert.ok(performance.now() - start < 2000, "within two seconds");
  });
}
