/** The options of forward and proxy: what they give, and what is said of mistakes. CoreDNS's words come first in a message. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ConfigMistake, type Mistake, startText } from "../../src/corefile/mistake.ts";
import { parseCorefile } from "../../src/corefile/parser.ts";
import { BlockSettings } from "../../src/plugin/block-settings.ts";
import { defaultConfig, type ForwardConfig } from "../../src/plugins/forward/config.ts";
import { forward } from "../../src/plugins/forward/index.ts";
import { proxy } from "../../src/plugins/proxy.ts";

function parse(text: string): { config: ForwardConfig; warnings: readonly Mistake[] } {
  const { blocks, mistakes } = parseCorefile(`. {\n${text}\n}\n`, {
    file: "Corefile",
    directives: ["forward", "proxy"],
  });
  assert.deepEqual(mistakes, []);
  const directive = blocks[0]!.directives[0]!;
  const plugin = directive.name === "proxy" ? proxy : forward;
  const config = plugin.parse(directive, new BlockSettings()) as ForwardConfig;
  return { config, warnings: directive.warnings };
}

const to = [{ host: "192.0.2.1", port: 53 }];
const plain = defaultConfig(".", to);

test("forward: the defaults", () => assert.deepEqual(parse("forward . 192.0.2.1").config, plain));

for (const { text, from } of [
  { text: ".", from: "." },
  { text: "Example.ORG", from: "example.org." },
  { text: "10.0.0.0/8", from: "10.in-addr.arpa." },
  { text: "2001:db8::/32", from: "8.b.d.0.1.0.0.2.ip6.arpa." },
]) {
  test(`forward: from ${text}`, () => assert.equal(parse(`forward ${text} 192.0.2.1`).config.from, from));
}

test("forward: several servers, the same one only once", () => {
  assert.deepEqual(parse("forward . 192.0.2.1 192.0.2.2:54 192.0.2.1:53").config.targets, [
    { host: "192.0.2.1", port: 53 },
    { host: "192.0.2.2", port: 54 },
  ]);
});

for (const { line, gives } of [
  { line: "except a.example.org B.example.org", gives: { except: ["a.example.org.", "b.example.org."] } },
  { line: "except 10.0.0.0/8", gives: { except: ["10.in-addr.arpa."] } },
  { line: "force_tcp", gives: { forceTcp: true } },
  { line: "prefer_udp", gives: { preferUdp: true } },
  { line: "expire 1m", gives: { expireMs: 60_000 } },
  { line: "expire 0s", gives: { expireMs: 0 } },
  { line: "max_idle_conns 5", gives: { maxIdle: 5 } },
  { line: "max_age 10s", gives: { maxAgeMs: 10_000 } },
  { line: "read_timeout 300ms", gives: { readTimeoutMs: 300 } },
  { line: "max_fails 0", gives: { maxFails: 0 } },
  { line: "max_connect_attempts 0", gives: { maxAttempts: 0 } },
  { line: "policy round_robin", gives: { policy: "round_robin" } },
  { line: "policy sequential", gives: { policy: "sequential" } },
  { line: "health_check 5s", gives: { probeIntervalMs: 5_000 } },
  { line: "health_check 1s no_rec", gives: { probeIntervalMs: 1_000, probeRecursion: false } },
  {
    line: "health_check 1s domain Example.org no_rec",
    gives: { probeIntervalMs: 1_000, probeRecursion: false, probeDomain: "example.org." },
  },
  { line: "max_concurrent 1000", gives: { maxConcurrent: 1_000 } },
  { line: "next NXDOMAIN servfail", gives: { nextRcodes: [3, 2] } },
  { line: "next_on_nodata", gives: { nextOnNodata: true } },
  { line: "failover REFUSED", gives: { failoverRcodes: [5] } },
  { line: "failfast_all_unhealthy_upstreams", gives: { failFast: true } },
  { line: "source_address 192.0.2.9", gives: { source: "192.0.2.9" } },
  { line: "resolver 192.0.2.8 [2001:db8::8]:54", gives: { resolvers: ["192.0.2.8:53", "[2001:db8::8]:54"] } },
]) {
  test(`forward: ${line}`, () => {
    const { config, warnings } = parse(`forward . 192.0.2.1 {\n${line}\n}`);
    assert.deepEqual(config, { ...plain, ...gives });
    assert.deepEqual(warnings, []);
  });
}

for (const { text, warning } of [
  {
    text: "forward 10.0.0.0/15 192.0.2.1",
    warning: "Unsupported CIDR notation: '10.0.0.0/15' expands to multiple zones. Using only '0.10.in-addr.arpa.'.",
  },
  {
    text: "forward . 192.0.2.1 {\nexcept a..b\n}",
    warning: "'a..b' is left out: zone is not a valid domain name: a..b",
  },
  { text: "forward . 192.0.2.1 {\ntls\n}", warning: "has no effect, since no upstream here is asked over TLS" },
  {
    text: "forward . 192.0.2.1 {\ntls_servername a\n}",
    warning: "has no effect, since no upstream here is asked over TLS",
  },
  {
    text: "forward . 192.0.2.1 {\ndoh_method GET\n}",
    warning: "has no effect, since no upstream here is asked over HTTPS",
  },
]) {
  test(`forward: warned of: ${text}`, () =>
    assert.deepEqual(
      parse(text).warnings.map(({ message }) => message),
      [warning],
    ));
}

/** A resolv.conf with so many servers. */
function resolvConf(count: number): string {
  const directory = mkdtempSync(join(tmpdir(), "weftdns-forward-"));
  after(() => rmSync(directory, { recursive: true }));
  const lines = Array.from({ length: count }, (_, i) => `nameserver 192.0.${2 + (i >> 8)}.${i & 255}\n`);
  const file = join(directory, "resolv.conf");
  writeFileSync(file, lines.join(""));
  return file;
}

test("forward: a resolv.conf may have more servers than words may stand in the line", () =>
  assert.equal(parse(`forward . ${resolvConf(255)}`).config.targets.length, 255));

const option = (line: string): string => `forward . 192.0.2.1 {\n${line}\n}`;
const PARSING = (line: number): string => `plugin/forward: Corefile:${line} - Error during parsing: `;

for (const { text, message } of [
  {
    text: "forward",
    message: `${PARSING(2)}Wrong argument count or unexpected line ending after 'forward', expected a zone`,
  },
  {
    text: "forward .",
    message: `${PARSING(2)}Wrong argument count or unexpected line ending after '.', expected an upstream`,
  },
  { text: "forward a..b 192.0.2.1", message: "plugin/forward: unable to normalize 'a..b'" },
  {
    text: "forward . /dev/null",
    message: 'plugin/forward: failed to resolve "/dev/null": no such file, and no host name',
  },
  {
    text: `forward . ${Array.from({ length: 16 }, (_, i) => `192.0.2.${i}`).join(" ")}`,
    message: "plugin/forward: more than 15 TOs configured: 16",
  },
  { text: `forward . ${resolvConf(256)}`, message: "plugin/forward: more than 255 servers to forward to: 256" },
  { text: option("foo"), message: `${PARSING(3)}unknown property 'foo'` },
  { text: option("polcy random"), message: `${PARSING(3)}unknown property 'polcy'` },
  {
    text: option("except"),
    message: `${PARSING(3)}Wrong argument count or unexpected line ending after 'except', expected a name`,
  },
  { text: option("force_tcp x"), message: `${PARSING(3)}Wrong argument count or unexpected line ending after 'x'` },
  { text: option("prefer_udp x"), message: `${PARSING(3)}Wrong argument count or unexpected line ending after 'x'` },
  { text: option("expire -1s"), message: "plugin/forward: expire can't be negative: -1s" },
  { text: option("expire x"), message: `${PARSING(3)}invalid expire 'x'` },
  { text: option("max_age -1s"), message: "plugin/forward: max_age can't be negative: -1s" },
  { text: option("max_age 1s"), message: "plugin/forward: max_age (1s) must not be less than expire (10s)" },
  { text: option("max_age 1s\nexpire 2s"), message: "plugin/forward: max_age (1s) must not be less than expire (2s)" },
  { text: option("max_idle_conns -1"), message: "plugin/forward: max_idle_conns can't be negative: -1" },
  { text: option("read_timeout 0s"), message: "plugin/forward: read_timeout must be positive: 0s" },
  { text: option("read_timeout -1s"), message: "plugin/forward: read_timeout must be positive: -1s" },
  { text: option("read_timeout 5"), message: `${PARSING(3)}invalid read_timeout '5'` },
  {
    text: option("max_fails"),
    message: `${PARSING(3)}Wrong argument count or unexpected line ending after 'max_fails'`,
  },
  { text: option("max_fails -1"), message: `${PARSING(3)}invalid max_fails '-1'` },
  { text: option("max_connect_attempts -1"), message: `${PARSING(3)}invalid max_connect_attempts '-1'` },
  { text: option("max_concurrent -1"), message: "plugin/forward: max_concurrent can't be negative: -1" },
  {
    text: option("policy fastest"),
    message: `${PARSING(3)}unknown policy 'fastest', expected random, round_robin or sequential`,
  },
  { text: option("policy"), message: `${PARSING(3)}Wrong argument count or unexpected line ending after 'policy'` },
  {
    text: option("health_check"),
    message: `${PARSING(3)}Wrong argument count or unexpected line ending after 'health_check'`,
  },
  { text: option("health_check -1s"), message: "plugin/forward: health_check can't be negative: -1s" },
  { text: option("health_check 1s foo"), message: "plugin/forward: health_check: unknown option foo" },
  {
    text: option("health_check 1s domain"),
    message: `${PARSING(3)}Wrong argument count or unexpected line ending after 'domain'`,
  },
  { text: option("health_check 1s domain a..b"), message: "plugin/forward: health_check: invalid domain name a..b" },
  { text: option("next"), message: `${PARSING(3)}Wrong argument count or unexpected line ending after 'next'` },
  { text: option("next FOO"), message: "plugin/forward: FOO is not a valid rcode" },
  { text: option("next 3"), message: "plugin/forward: 3 is not a valid rcode" },
  {
    text: option("next_on_nodata x"),
    message: `${PARSING(3)}Wrong argument count or unexpected line ending after 'x'`,
  },
  { text: option("failover noerror"), message: "plugin/forward: NoError cannot be used in failover" },
  { text: option("failover FOO"), message: "plugin/forward: FOO is not a valid rcode" },
  { text: option("source_address x"), message: `${PARSING(3)}invalid IP address: x` },
  { text: option("resolver"), message: `${PARSING(3)}Wrong argument count or unexpected line ending after 'resolver'` },
  { text: option("resolver foo"), message: 'plugin/forward: resolver must be an IP address or IP:port: "foo"' },
  { text: option("tls a b c d"), message: `${PARSING(3)}Wrong argument count or unexpected line ending after 'd'` },
  {
    text: option("tls_servername"),
    message: `${PARSING(3)}Wrong argument count or unexpected line ending after 'tls_servername'`,
  },
  { text: option("doh_method PUT"), message: "plugin/forward: doh_method must be either POST or GET" },
]) {
  test(`forward: refused: ${text.replaceAll("\n", " ")}`, () => {
    assert.throws(
      () => parse(text),
      (error: unknown) => {
        assert.ok(error instanceof ConfigMistake);
        const said = startText(error.mistake);
        assert.equal(said.slice(0, message.length), message);
        return true;
      },
    );
  });
}

for (const { line, gives, warnings } of [
  {
    line: "policy least_conn",
    gives: { policy: "random" },
    warnings: ["'least_conn' is an old word, 'random' is used"],
  },
  { line: "policy first", gives: { policy: "sequential" }, warnings: ["'first' is an old word, 'sequential' is used"] },
  { line: "policy round_robin", gives: { policy: "round_robin" }, warnings: [] },
  { line: "except a.example.org", gives: { except: ["a.example.org."] }, warnings: [] },
  { line: "max_fails 5", gives: { maxFails: 5 }, warnings: [] },
  { line: "protocol dns", gives: {}, warnings: [] },
  {
    line: "protocol dns force_tcp",
    gives: { forceTcp: true },
    warnings: ["is an old word, it is the option 'force_tcp' today"],
  },
  ...["fail_timeout 10s", "max_conns 5", "spray", "health_check /health:8080 1s"].map((old) => ({
    line: old,
    gives: {},
    warnings: [
      `'${old.split(" ")[0]}' is an old word without effect: servers that failed are probed over DNS, see forward's health_check`,
    ],
  })),
]) {
  test(`proxy: ${line}`, () => {
    const { config, warnings: found } = parse(`proxy . 192.0.2.1 {\n${line}\n}`);
    assert.deepEqual(config, { ...plain, ...gives });
    const first = "is an old word, the plugin is called 'forward' today";
    assert.deepEqual(
      found.map(({ message }) => message),
      [first, ...warnings],
    );
  });
}

for (const { line, message } of [
  { line: "protocol https_google", message: "upstreams over 'https_google' are not part of WeftDNS yet, expected dns" },
  {
    line: "policy fastest",
    message: "unknown policy 'fastest', expected random, least_conn, round_robin, first or sequential",
  },
  { line: "force_tcp", message: "unknown property 'force_tcp'" },
]) {
  test(`proxy: refused: ${line}`, () => {
    assert.throws(
      () => parse(`proxy . 192.0.2.1 {\n${line}\n}`),
      (error: unknown) => {
        assert.ok(error instanceof ConfigMistake);
        assert.equal(error.mistake.message.slice(0, message.length), message);
        return true;
      },
    );
  });
}
