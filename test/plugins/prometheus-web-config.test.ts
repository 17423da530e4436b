/** The web configuration of prometheus: what is understood, and what is refused in which words. */
import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { WebConfig } from "../../src/plugins/prometheus/web-config.ts";

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
  ["tls_server_config:\n  cert: x\n  key: y\n  min_version: constructor\n", "unknown TLS version: constructor"],
  ["tls_server_config:\n  cert: x\n  key: y\n  min_version: TLS9\n", "unknown TLS version: TLS9"],
  ["tls_server_config:\n  foo: x\n", "yaml: unmarshal errors:\n  field foo not found in type web.TLSConfig"],
  ["a", "yaml: unmarshal errors:\n  cannot unmarshal into web.Config"],
  ["http_server_config: x\n  c: d\n", "yaml: line 2: bad indentation of a mapping entry"],
  ["http_server_config:\nhttp_server_config:\n", "yaml: line 2: duplicated mapping key"],
  ["http_server_config: [", "yaml: line 1: unexpected end of the stream within a flow collection"],
  [`http_server_config: ${"[".repeat(100_000)}`, "yaml: line 1: nesting exceeded maxDepth (100)"],
  ["http_server_config: !!js/function x\n", "yaml: line 1: unknown scalar tag !<tag:yaml.org,2002:js/function>"],
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

for (const text of [
  "",
  "# nothing\n---\n",
  "tls_server_config:\nhttp_server_config:\n",
  "{http_server_config: {http2: true}}",
  "---\nhttp_server_config: {}\n---\nfoo: another document\n",
]) {
  test(`web config: ${JSON.stringify(text)} asks for nothing`, () => {
    const config = configOf(text);
    assert.equal(config.options(), undefined);
    assert.deepEqual(config.headers, {});
  });
}

test("web config: names and texts may look like anything else", () => {
  const config = configOf('http_server_config: {headers: {"X-Frame-Options": 1.0, X-XSS-Protection: null}}');
  assert.deepEqual(config.headers, { "X-Frame-Options": "1.0", "X-XSS-Protection": "null" });
  assert.throws(() => configOf("__proto__: {a: b}\n"), /field __proto__ not found/);
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

test("web config: a file of the same time and size in its place is read too", () => {
  const config = configOf("http_server_config: {headers: {X-Frame-Options: a}}");
  utimesSync(path, 1, 1);
  config.options();
  const other = `${path}.new`;
  writeFileSync(other, "http_server_config: {headers: {X-Frame-Options: b}}");
  utimesSync(other, 1, 1);
  renameSync(other, path);
  config.options();
  assert.deepEqual(config.headers, { "X-Frame-Options": "b" });
});
