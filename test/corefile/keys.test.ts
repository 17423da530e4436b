import assert from "node:assert/strict";
import { test } from "node:test";
import { type Binding, findClashes, keyIdentity, readKey, zoneLine } from "../../src/corefile/keys.ts";
import { corednsText, placedText } from "../../src/corefile/mistake.ts";
import type { Token } from "../../src/corefile/server-block.ts";

function token(text: string): Token {
  return { text, file: "Corefile", line: 3, column: 5, endLine: 3, quoted: false, width: text.length };
}

for (const { text, transport, zones, port } of [
  { text: "Example.org", transport: "dns", zones: ["example.org."], port: 1053 },
  { text: "example.org:53", transport: "dns", zones: ["example.org."], port: 53 },
  { text: "dns://example.org", transport: "dns", zones: ["example.org."], port: 1053 },
  { text: ".:0", transport: "dns", zones: ["."], port: 0 },
  { text: "tls://.", transport: "tls", zones: ["."], port: 853 },
  { text: "quic://.", transport: "quic", zones: ["."], port: 853 },
  { text: "grpc://.", transport: "grpc", zones: ["."], port: 443 },
  { text: "https://.", transport: "https", zones: ["."], port: 443 },
  { text: "https3://.:8443", transport: "https3", zones: ["."], port: 8443 },
  { text: "10.0.0.0/15:99", transport: "dns", zones: ["0.10.in-addr.arpa.", "1.10.in-addr.arpa."], port: 99 },
]) {
  test(`key: ${text}`, () => {
    const at = token(text);
    assert.deepEqual(readKey(at, text, 1053), { token: at, transport, zones, port });
  });
}

for (const { text, says } of [
  { text: ".:65536", says: "address 65536: invalid port" },
  { text: ".:-1", says: "address -1: invalid port" },
  { text: "a..b", says: "error inspecting server blocks: zone is not a valid domain name: a..b" },
  { text: "0::/8", says: "error inspecting server blocks: invalid CIDR 0::/8" },
  { text: "a:", says: 'error inspecting server blocks: expecting data after last colon: "a:"' },
]) {
  test(`key: ${text} is none`, () => {
    const mistake = readKey(token(text), text, 53);
    assert.ok("message" in mistake);
    assert.equal(corednsText(mistake), says);
    assert.equal(placedText(mistake), `Corefile:3:5: ${mistake.message}`);
    assert.equal(mistake.width, text.length);
  });
}

function block(keys: string, addresses?: readonly string[], hasView = false): Binding {
  const read = keys.split(" ").map((text) => readKey(token(text), text, 53));
  return { keys: read.filter((key) => "zones" in key), addresses, hasView };
}

const DEFINED = "it is already defined";
const OVERLAP = "zone overlap listener capacity with";
for (const { name, blocks, says } of [
  { name: "nothing", blocks: [block("a.test b.test"), block("c.test")], says: [] },
  { name: "in one block", blocks: [block("a.test A.TEST.")], says: [`dns://a.test.:53 - ${DEFINED}`] },
  {
    name: "in three blocks",
    blocks: [block("a.test"), block("a.test"), block("a.test")],
    says: [`dns://a.test.:53 - ${DEFINED}`, `dns://a.test.:53 - ${DEFINED}`],
  },
  {
    name: "prefixes",
    blocks: [block("10.0.0.0/23"), block("10.0.1.0/24")],
    says: [`dns://1.0.10.in-addr.arpa.:53 - ${DEFINED}`],
  },
  { name: "ports differ", blocks: [block("a.test:53 a.test:54")], says: [] },
  { name: "transports differ", blocks: [block("a.test:853 tls://a.test")], says: [] },
  { name: "addresses differ", blocks: [block("a.test", ["127.0.0.1"]), block("a.test", ["127.0.0.2"])], says: [] },
  {
    name: "addresses in common",
    blocks: [block("a.test", ["::1", "127.0.0.1"]), block("a.test", ["127.0.0.1"])],
    says: [`dns://a.test.:53 on 127.0.0.1 - ${DEFINED}`],
  },
  {
    name: "unbound, then bound",
    blocks: [block("a.test"), block("a.test", ["::1"])],
    says: [`dns://a.test.:53 on ::1 - ${OVERLAP} dns://a.test.:53`],
  },
  {
    name: "bound, then unbound",
    blocks: [block("a.test", ["::1"]), block("a.test")],
    says: [`dns://a.test.:53 - ${OVERLAP} dns://a.test.:53 on ::1`],
  },
  { name: "bound to nothing", blocks: [block("a.test", []), block("a.test")], says: [] },
  { name: "view, then none", blocks: [block("a.test", undefined, true), block("a.test")], says: [] },
  { name: "none, then view", blocks: [block("a.test"), block("a.test", undefined, true)], says: [] },
  { name: "two views", blocks: [block("a.test", undefined, true), block("a.test", ["::1"], true)], says: [] },
  {
    name: "unbound, then a bound view",
    blocks: [block("a.test"), block("a.test", ["::1"], true)],
    says: [`dns://a.test.:53 on ::1 - ${OVERLAP} dns://a.test.:53`],
  },
]) {
  test(`clashes: ${name}`, () => {
    assert.deepEqual(
      findClashes(blocks).map(corednsText),
      says.map((text) => `cannot serve ${text}`),
    );
  });
}

test("clashes: many zones in linear time", () => {
  const keys = Array.from({ length: 50_000 }, (_, index) => `z${index}.test`).join(" ");
  const start = performance.now();
  assert.deepEqual(findClashes([block(keys)]), []);
  assert.ok(performance.now() - start < 1000);
});

test("keys: how they are shown", () => {
  assert.equal(keyIdentity("tls", "a.test.", 853), "tls://a.test.:853");
  assert.equal(zoneLine("dns", "a.test.", 53), "a.test.:53");
  assert.equal(zoneLine("https", ".", 443, "127.0.0.1"), "https://.:443 on 127.0.0.1");
});
