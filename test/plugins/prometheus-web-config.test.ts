/** The web configuration of prometheus: what is understood, and what is refused in which words. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { WebConfig } from "../../src/plugins/prometheus/web-config.ts";
import { parseYaml } from "../../src/plugins/prometheus/yaml.ts";

for (const [text, value] of [
  ["", {}],
  ["# only a comment\n---\n", {}],
  ["a: b", { a: "b" }],
  ["a: b # c\n\n'd e': \"f # g\" # h\ni: 'it''s'\n", { a: "b", "d e": "f # g", i: "it's" }],
  ["a:\n  b:\n    c: d\n  e: f\ng:\nh: http://x:1/y#z\n", { a: { b: { c: "d" }, e: "f" }, g: "", h: "http://x:1/y#z" }],
  ["a:\n- b\n- 'c'\nd: [e, \"f\"]\ng: []", { a: ["b", "c"], d: ["e", "f"], g: [] }],
  ["a: |\n  --- x\n    y: z\n\n  w\nb: c", { a: "--- x\n  y: z\n\nw\n", b: "c" }],
  ["__proto__: x", Object.assign(Object.create(null), { ["__proto__"]: "x" })],
] as const) {
  test(`yaml: ${JSON.stringify(text)}`, () => {
    assert.deepEqual(JSON.parse(JSON.stringify(parseYaml(text))), JSON.parse(JSON.stringify(value)));
  });
}

for (const [text, message] of [
  ["a", "yaml: line 1: did not find expected key"],
  ["a: b\n  c: d", "yaml: line 2: did not find expected key"],
  ["  a: b", "yaml: line 1: did not find expected key"],
  ["a:\n    b: c\n  d: e", "yaml: line 3: did not find expected key"],
  ["a: b\na: c", 'yaml: line 2: mapping key "a" already defined'],
  ["a:\n\tb: c", "yaml: line 2: found character that cannot start any token"],
  ["a: [", "yaml: line 1: did not find expected node content"],
  ["a: &x b", "yaml: line 1: did not find expected node content"],
  ["a: {b: c}", "yaml: line 1: did not find expected node content"],
  ["a: b: c", "yaml: line 1: did not find expected node content"],
  ['a: "b\\n"', "yaml: line 1: did not find expected node content"],
  [Array.from({ length: 40 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"), "yaml: line 18: did not find expected key"],
]) {
  test(`yaml: ${JSON.stringify(text!.slice(0, 30))} is refused`, () => {
    assert.throws(() => parseYaml(text!), { message: message! });
  });
}

test("yaml: any text is read or refused with its line", () => {
  const pieces = fc.constantFrom("a", "b: ", ":", "-", "- ", "\n", "  ", "'", '"', "[", "]", "|", "#", "\t", "é", "\0");
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => {
      try {
        parseYaml(parts.join(""));
      } catch (error) {
        assert.match((error as Error).message, /^yaml: line \d+: /);
      }
    }),
  );
});

const directory = mkdtempSync(join(tmpdir(), "weftdns-web-"));
after(() => rmSync(directory, { recursive: true }));
const path = join(directory, "web.yml");

function configOf(text: string): WebConfig {
  writeFileSync(path, text);
  return new WebConfig(path);
}

const tls = (rest: string) => `tls_server_config:\n  cert_file: a.crt\n  key_file: a.key\n${rest}`;

for (const [text, message] of [
  [tls(""), `failed to read cert_file (${directory}/a.crt): open ${directory}/a.crt: no such file or directory`],
  ["tls_server_config:\n  key_file: a.key\n", "missing one of cert or cert_file"],
  ["tls_server_config:\n  cert: x\n", "missing one of key or key_file"],
  [
    "tls_server_config:\n  cert: x\n  key: y\n",
    "failed to load X509KeyPair: tls: private key does not match public key",
  ],
  ["tls_server_config:\n  cert: x\n  key: y\n  min_version: TLS9\n", "unknown TLS version: TLS9"],
  ["tls_server_config:\n  foo: x\n", "yaml: unmarshal errors:\n  field foo not found in type web.TLSConfig"],
  ["foo: x\n", "yaml: unmarshal errors:\n  field foo not found in type web.Config"],
  ["tls_server_config: x\n", "yaml: unmarshal errors:\n  cannot unmarshal into web.TLSConfig"],
  ["tls_server_config:\n  cert_file: [a]\n", "yaml: unmarshal errors:\n  cert_file is not a string"],
  ["http_server_config:\n  headers:\n    X-Foo: bar\n", 'HTTP header "X-Foo" can not be configured'],
  ["basic_auth_users:\n  alice: x\n", "basic_auth_users is not supported by WeftDNS"],
]) {
  test(`web config: ${JSON.stringify(text)} is refused`, () => {
    assert.throws(() => configOf(text!), { message: message! });
  });
}

test("web config: without TLS it is plain, with headers", () => {
  const config = configOf("http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: deny\n");
  assert.equal(config.options(), undefined);
  assert.deepEqual(config.headers, { "X-Frame-Options": "deny" });
});

test("web config: it is read again when it has changed, and not before", () => {
  const config = configOf("http_server_config:\n  headers:\n    X-Frame-Options: deny\n");
  const { headers } = config;
  config.options();
  assert.equal(config.headers, headers);
  writeFileSync(path, "http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n");
  utimesSync(path, 1, 1);
  config.options();
  assert.deepEqual(config.headers, { "X-Frame-Options": "sameorigin" });
  writeFileSync(path, "nonsense");
  utimesSync(path, 2, 2);
  assert.throws(() => config.options());
});
