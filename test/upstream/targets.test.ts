import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { parseTarget, resolveTargets, withoutDuplicates } from "../../src/upstream/targets.ts";
import { answerTo, Fakeup } from "../support/fakeup.ts";

const directory = mkdtempSync(join(tmpdir(), "weftdns-targets-"));
after(() => rmSync(directory, { recursive: true }));
const file = join(directory, "resolv.conf");
const text =
  "# ours\nsearch example.org\nnameserver 192.0.2.1\n  nameserver\t2001:db8::1  # two\nnameserver nothing\noptions ndots:5\n";
writeFileSync(file, text);
writeFileSync(join(directory, "empty"), "");

for (const { to, gives } of [
  { to: "192.0.2.1", gives: [["192.0.2.1", 53]] },
  { to: "192.0.2.1:5300", gives: [["192.0.2.1", 5300]] },
  { to: "2001:db8::1", gives: [["2001:db8::1", 53]] },
  { to: "[2001:db8::1]", gives: [["2001:db8::1", 53]] },
  { to: "[2001:db8::1]:5300", gives: [["2001:db8::1", 5300]] },
  { to: "fe80::1%eth0", gives: [["fe80::1%eth0", 53]] },
  { to: "dns://192.0.2.1", gives: [["192.0.2.1", 53]] },
  { to: "dns://[::1]:5300", gives: [["::1", 5300]] },
  { to: "dns.example.org", gives: [["dns.example.org", 53]] },
  { to: "dns.example.org:5300", gives: [["dns.example.org", 5300]] },
  {
    to: file,
    gives: [
      ["192.0.2.1", 53],
      ["2001:db8::1", 53],
    ],
  },
  {
    to: `dns://${file}`,
    gives: [
      ["192.0.2.1", 53],
      ["2001:db8::1", 53],
    ],
  },
  { to: join(directory, "empty"), gives: [] },
]) {
  test(`target: ${to.replace(directory, "DIR")}`, () => {
    assert.deepEqual(
      parseTarget(to),
      gives.map(([host, port]) => ({ host, port })),
    );
  });
}

for (const { to, message } of [
  { to: "dns://", message: 'invalid address: "dns://"' },
  { to: ":53", message: 'not an IP address, file, or valid domain: ":53"' },
  { to: "192.0.2.1:99999", message: 'invalid port in "192.0.2.1:99999", expected 1 to 65535' },
  { to: "192.0.2.1:0", message: 'invalid port in "192.0.2.1:0", expected 1 to 65535' },
  { to: "192.0.2.1:dns", message: 'invalid port in "192.0.2.1:dns", expected 1 to 65535' },
  { to: "192.0.2.1:", message: 'invalid port in "192.0.2.1:", expected 1 to 65535' },
  { to: "a..b", message: 'not an IP address, file, or valid domain: "a..b"' },
  { to: "/nonexistent", message: 'failed to resolve "/nonexistent": no such file, and no host name' },
  { to: "grpc://192.0.2.1", message: "'grpc' is not supported as a destination protocol in forward: grpc://192.0.2.1" },
  { to: "unix:///x", message: "'unix' is not supported as a destination protocol in forward: unix:///x" },
  ...["tls", "https", "https3", "quic"].map((scheme) => ({
    to: `${scheme}://192.0.2.1`,
    message: `upstreams over '${scheme}' are not part of WeftDNS yet: ${scheme}://192.0.2.1, expected an IP address, dns://, a resolv.conf file or a host name`,
  })),
]) {
  test(`target: ${to}: refused`, () => assert.equal(parseTarget(to), message));
}

test("targets: the first of equals stays", () => {
  const [a, b] = [
    { host: "192.0.2.1", port: 53 },
    { host: "192.0.2.2", port: 53 },
  ];
  assert.deepEqual(withoutDuplicates([a, b, { ...a }, { ...a, port: 54 }]), [a, b, { ...a, port: 54 }]);
});

test("targets: host names are looked up at the resolver, as they are", async (t) => {
  const up = await Fakeup.start((asked) => {
    const [name, type] = asked.ask.toLowerCase().split(" ");
    const known = name === "dns.example.org.";
    const answer = known && type === "a" ? ["dns.example.org. 60 IN A 192.0.2.9"] : [];
    const v6 = known && type === "aaaa" ? ["dns.example.org. 60 IN AAAA 2001:db8::9"] : [];
    asked.send(answerTo(asked, { answer: [...answer, ...v6], rcode: known ? 0 : 3 }));
  });
  t.after(() => up.stop());
  const targets = [
    { host: "dns.example.org", port: 5300 },
    { host: "192.0.2.1", port: 53 },
  ];
  const resolved = await resolveTargets(targets, [up.to]);
  assert.deepEqual(resolved.at(-1), targets[1]);
  assert.ok(resolved.some(({ host, port }) => host === "192.0.2.9" && port === 5300));
  const missing = resolveTargets([{ host: "other", port: 53 }], [up.to]);
  await assert.rejects(missing, { message: `failed to resolve "other": lookup other. on ${up.to}: no such host` });
  assert.ok(
    up.asked.every(({ ask }) => /^(dns\.example\.org|other)\. /i.test(ask)),
    "no search list",
  );
});
