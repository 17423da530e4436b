import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { loadAll } from "js-yaml";
import { BASE_VALUES, manifestText } from "../../src/cli/manifest.ts";
import { manifestUsage, parseManifestFlags } from "../../src/cli/manifest-command.ts";

for (const { words, ...values } of [
  { words: "" },
  { words: "--cluster-domain k8s.test", clusterDomain: "k8s.test" },
  { words: "-cluster-domain=k8s.test.", clusterDomain: "k8s.test" },
  { words: "-cluster-ip 10.0.0.53", clusterIp: "10.0.0.53" },
  { words: "-cluster-ip fd00::53", clusterIp: "fd00::53" },
  {
    words: "--service-cidr 10.96.0.0/16",
    clusterIp: "10.96.0.10",
    reverseZones: ["96.10.in-addr.arpa"],
  },
  {
    words: "--service-cidr 10.43.7.9/15",
    clusterIp: "10.42.0.10",
    reverseZones: ["42.10.in-addr.arpa", "43.10.in-addr.arpa"],
  },
  {
    words: "--service-cidr 192.0.2.240/28",
    clusterIp: "192.0.2.250",
    reverseZones: Array.from({ length: 16 }, (_, at) => `${240 + at}.2.0.192.in-addr.arpa`),
  },
  {
    words: "--service-cidr fd00:10:96::/112,10.244.0.0/16",
    clusterIp: "fd00:10:96::a",
    reverseZones: ["0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa", "244.10.in-addr.arpa"],
  },
  {
    words: "--service-cidr 2001:db8:1:2:3:4:5:6/64",
    clusterIp: "2001:db8:1:2::a",
    reverseZones: ["2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"],
  },
  {
    words: "--service-cidr 10.0.0.0/8,10.0.0.0/8 --cluster-ip 10.20.30.40",
    clusterIp: "10.20.30.40",
    reverseZones: ["10.in-addr.arpa"],
  },
  { words: "--image weftdns", image: "weftdns" },
  { words: "--image registry.example.org:5000/a/weftdns:1.0", image: "registry.example.org:5000/a/weftdns:1.0" },
  {
    words: `--image example.org/weftdns@sha256:${"0a".repeat(32)}`,
    image: `example.org/weftdns@sha256:${"0a".repeat(32)}`,
  },
] as ({ words: string } & Record<string, unknown>)[]) {
  test(`manifest: '${words}'`, () =>
    assert.deepEqual(parseManifestFlags(split(words)), { values: { ...BASE_VALUES, ...values } }));
}

const PREFIXES = "prefixes such as 10.96.0.0/12 or 10.96.0.0/12,fd00:10:96::/112";
for (const { words, says } of [
  { words: "--cluster-domain a..b", says: 'invalid value "a..b" for -cluster-domain, expected a domain of small' },
  { words: "--cluster-domain Cluster.local", says: 'invalid value "Cluster.local" for -cluster-domain' },
  { words: "--cluster-domain=", says: 'invalid value "" for -cluster-domain' },
  { words: "--cluster-ip 10.0.0.256", says: 'invalid value "10.0.0.256" for -cluster-ip, expected an IPv4 or IPv6' },
  { words: "--cluster-ip fe80::1%eth0", says: 'invalid value "fe80::1%eth0" for -cluster-ip' },
  { words: "--service-cidr 10.96.0.0", says: `invalid value "10.96.0.0" for -service-cidr, expected ${PREFIXES}\n` },
  { words: "--service-cidr 10.96.0.0/33", says: `invalid value "10.96.0.0/33" for -service-cidr` },
  { words: "--service-cidr 10.96.0.0/12,", says: 'invalid value "10.96.0.0/12," for -service-cidr' },
  { words: "--service-cidr fd00::/129", says: 'invalid value "fd00::/129" for -service-cidr' },
  { words: "--service-cidr example.org/8", says: 'invalid value "example.org/8" for -service-cidr' },
  {
    words: "--service-cidr 10.96.0.0/30",
    says: "10.96.0.0/30 has no tenth address, which kube-dns has by default: give -cluster-ip\n",
  },
  {
    words: "--service-cidr 10.96.0.0/12 --cluster-ip 10.112.0.1",
    says: "-cluster-ip 10.112.0.1 is not in -service-cidr 10.96.0.0/12\n",
  },
  {
    words: "--service-cidr 10.96.0.0/12 --cluster-ip fd00::1",
    says: "-cluster-ip fd00::1 is not in -service-cidr 10.96.0.0/12\n",
  },
  { words: "--image a:b:c:", says: 'invalid value "a:b:c:" for -image, expected a reference such as' },
  { words: "--image {{.Image}}", says: 'invalid value "{{.Image}}" for -image' },
  { words: "--image weftdns extra", says: "extra command line arguments: [extra]\n" },
]) {
  test(`manifest: '${words}' is refused`, () => {
    const line = parseManifestFlags(split(words));
    assert.ok(!("values" in line));
    assert.equal(line.text.slice(0, says.length), says);
    assert.equal(line.exitCode, 1);
  });
}

for (const { words, says, exitCode } of [
  { words: "--help", says: "", exitCode: 0 },
  { words: "-h", says: "", exitCode: 0 },
  {
    words: "--cluster-domian x",
    says: "flag provided but not defined: -cluster-domian, did you mean -cluster-domain?\n",
    exitCode: 2,
  },
  { words: "-toString x", says: "flag provided but not defined: -toString\n", exitCode: 2 },
  { words: "--image", says: "flag needs an argument: -image\n", exitCode: 2 },
]) {
  test(`manifest: '${words}' shows the usage`, () =>
    assert.deepEqual(parseManifestFlags(split(words)), { text: `${says}${manifestUsage()}`, exitCode }));
}

test("manifest: without flags, exactly what the base has", () => {
  const base = new URL("../../deploy/base/", import.meta.url);
  const read = (file: string) => documents(readFileSync(new URL(file, base), "utf8"));
  const [list] = read("kustomization.yaml");
  assert.deepEqual(documents(manifestText(BASE_VALUES)), list!.resources.flatMap(read));
});

test("manifest: the values stand where they belong, and nowhere else", () => {
  const values = {
    clusterDomain: "k8s.test",
    clusterIp: "fd00::a",
    reverseZones: ["10.in-addr.arpa", "0.d.f.ip6.arpa"],
    image: "registry.example.org:5000/weftdns:9",
  };
  const [base, own] = [documents(manifestText(BASE_VALUES)), documents(manifestText(values))];
  const find = (list: Document[], kind: string) => list.find((document) => document.kind === kind)!;
  assert.equal(find(own, "Service").spec.clusterIP, values.clusterIp);
  assert.equal(find(own, "Deployment").spec.template.spec.containers[0].image, values.image);
  const corefile: string = find(own, "ConfigMap").data.Corefile;
  assert.match(corefile, /^ {4}kubernetes k8s\.test 10\.in-addr\.arpa 0\.d\.f\.ip6\.arpa \{\n {7}pods insecure$/m);
  assert.match(corefile, /^ {4}cache 30 \{\n {7}disable success k8s\.test\n {7}disable denial k8s\.test\n {4}\}$/m);
  // Put back, they give the base again.
  find(own, "Service").spec.clusterIP = find(base, "Service").spec.clusterIP;
  find(own, "Deployment").spec.template.spec.containers[0].image = find(
    base,
    "Deployment",
  ).spec.template.spec.containers[0].image;
  find(own, "ConfigMap").data.Corefile = corefile
    .replace("10.in-addr.arpa 0.d.f.ip6.arpa", "in-addr.arpa ip6.arpa")
    .replaceAll("k8s.test", "cluster.local");
  assert.deepEqual(own, base);
});

// biome-ignore lint/suspicious/noExplicitAny: the shape of each kind is what the assertions are about
type Document = Record<string, any>;

function documents(text: string): Document[] {
  return loadAll(text) as Document[];
}

function split(words: string): string[] {
  return words === "" ? [] : words.split(" ");
}
