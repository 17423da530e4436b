import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fromEndpoint, fromKubeconfig, inCluster } from "../../../src/kubernetes/api/credentials.ts";

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "weftdns-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

for (const { host, port, server } of [
  { host: "10.96.0.1", port: "443", server: "https://10.96.0.1/" },
  { host: "fd00::1", port: "6443", server: "https://[fd00::1]:6443/" },
]) {
  test(`in a cluster: ${host}`, async (t) => {
    const path = directory(t);
    writeFileSync(join(path, "token"), "first\n");
    writeFileSync(join(path, "ca.crt"), "the CA");
    const access = inCluster({ KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port }, path);
    assert.equal(String(access.server), server);
    const { headers, tls } = await access.credentials();
    assert.deepEqual(headers, { authorization: "Bearer first" });
    assert.deepEqual(
      { ca: String(tls.ca), cert: tls.cert, key: tls.key },
      { ca: "the CA", cert: undefined, key: undefined },
    );
  });
}

for (const env of [{}, { KUBERNETES_SERVICE_HOST: "10.0.0.1" }, { KUBERNETES_SERVICE_PORT: "443" }]) {
  test(`outside of a cluster: ${Object.keys(env)}`, () => {
    assert.throws(() => inCluster(env), {
      message:
        "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined",
    });
  });
}

test("files are read again: what has changed is used, what has gone is kept, what is equal stays the same object", async (t) => {
  const path = directory(t);
  const [token, ca] = [join(path, "token"), join(path, "ca.crt")];
  writeFileSync(token, "first");
  writeFileSync(ca, "one");
  const access = fromEndpoint("https://api.test", { token, ca });
  const { tls } = await access.credentials();
  writeFileSync(token, "second");
  access.refresh();
  const second = await access.credentials();
  assert.deepEqual(second.headers, { authorization: "Bearer second" });
  assert.equal(second.tls, tls);
  rmSync(token);
  writeFileSync(ca, "two");
  access.refresh();
  assert.deepEqual((await access.credentials()).headers, { authorization: "Bearer second" });
  writeFileSync(token, "third");
  access.refresh();
  const third = await access.credentials();
  assert.deepEqual(third.headers, { authorization: "Bearer third" });
  assert.notEqual(third.tls, tls);
  assert.equal(String(third.tls.ca), "two");
});

test("files that never were there are an error", async () => {
  await assert.rejects(fromEndpoint("https://api.test", { token: "/nowhere/token" }).credentials(), /ENOENT/);
});

for (const { url, files, server } of [
  { url: "http://127.0.0.1:8080", files: {}, server: "http://127.0.0.1:8080/" },
  { url: "http://127.0.0.1:8080", files: { ca: "/ca.crt" }, server: "http://127.0.0.1:8080/" },
  { url: "https://proxy.test/clusters/one/", files: {}, server: "https://proxy.test/clusters/one/" },
]) {
  test(`an address: ${url} ${Object.keys(files)}`, () => {
    assert.equal(String(fromEndpoint(url, files).server), server);
  });
}

test("an address of another kind", () => {
  assert.throws(() => fromEndpoint("ftp://api.test"), { message: "the API is reached by http or https, not by ftp" });
});

const KUBECONFIG = {
  apiVersion: "v1",
  kind: "Config",
  "current-context": "main",
  clusters: [
    { name: "one", cluster: { server: "https://one.test:6443", "certificate-authority-data": btoa("CA one") } },
    {
      name: "two",
      cluster: { server: "https://two.test", "insecure-skip-tls-verify": true, "tls-server-name": "api.test" },
    },
    { name: "ftp", cluster: { server: "https://two.test", "proxy-url": "ftp://proxy.test" } },
  ],
  users: [
    { name: "token", user: { token: "secret" } },
    { name: "certificate", user: { "client-certificate-data": btoa("C"), "client-key-data": btoa("K") } },
    { name: "tokenFile", user: { token: "older", tokenFile: "token.txt" } },
    { name: "password", user: { username: "me", password: "pass" } },
  ],
  contexts: [
    { name: "main", context: { cluster: "one", user: "token" } },
    { name: "certificate", context: { cluster: "one", user: "certificate" } },
    { name: "password", context: { cluster: "two", user: "password" } },
    { name: "tokenFile", context: { cluster: "two", user: "tokenFile" } },
    { name: "nobody", context: { cluster: "one", user: "none" } },
    { name: "nowhere", context: { cluster: "three", user: "token" } },
    { name: "ftp", context: { cluster: "ftp", user: "token" } },
  ],
};

for (const { context, server, headers, tls } of [
  {
    context: undefined,
    server: "https://one.test:6443/",
    headers: { authorization: "Bearer secret" },
    tls: { ca: "CA one" },
  },
  { context: "certificate", server: "https://one.test:6443/", headers: {}, tls: { ca: "CA one", cert: "C", key: "K" } },
  {
    context: "password",
    server: "https://two.test/",
    headers: { authorization: "Basic bWU6cGFzcw==" },
    tls: { servername: "api.test", rejectUnauthorized: false },
  },
  { context: "nobody", server: "https://one.test:6443/", headers: {}, tls: { ca: "CA one" } },
]) {
  test(`kubeconfig, context ${context ?? "of the file"}`, async (t) => {
    const file = join(directory(t), "config");
    writeFileSync(file, JSON.stringify(KUBECONFIG));
    const access = await fromKubeconfig(file, context);
    assert.equal(String(access.server), server);
    const found = await access.credentials();
    assert.deepEqual(found.headers, headers);
    const texts = Object.entries(found.tls).map(([key, value]) => [
      key,
      Buffer.isBuffer(value) ? String(value) : value,
    ]);
    assert.deepEqual(Object.fromEntries(texts), tls);
  });
}

for (const { context, message } of [
  { context: "other", message: /^context "other" does not exist in / },
  { context: "ftp", message: /^proxy-url "ftp:\/\/proxy.test" in .*, expected a URL with http, https or socks5$/ },
  { context: "nowhere", message: /^context "nowhere" names no cluster that is in / },
]) {
  test(`kubeconfig, context ${context}`, async (t) => {
    const file = join(directory(t), "config");
    writeFileSync(file, JSON.stringify(KUBECONFIG));
    await assert.rejects(fromKubeconfig(file, context), { message });
  });
}

test("kubeconfig: a file that changes is read again", async (t) => {
  const file = join(directory(t), "config");
  writeFileSync(file, JSON.stringify(KUBECONFIG));
  const access = await fromKubeconfig(file);
  writeFileSync(file, JSON.stringify(KUBECONFIG).replace("secret", "changed"));
  access.refresh();
  assert.deepEqual((await access.credentials()).headers, { authorization: "Bearer changed" });
});

test("kubeconfig: a user's tokenFile is beside it, comes before a token, and is read each time", async (t) => {
  const folder = directory(t);
  const file = join(folder, "config");
  writeFileSync(file, JSON.stringify(KUBECONFIG));
  const token = (text: string) => writeFileSync(join(folder, "token.txt"), text);
  token("first\n");
  const access = await fromKubeconfig(file, "tokenFile");
  assert.deepEqual((await access.credentials()).headers, { authorization: "Bearer first" });
  token("second");
  access.refresh();
  assert.deepEqual((await access.credentials()).headers, { authorization: "Bearer second" });
});

test("kubeconfig: no file", async () => {
  await assert.rejects(fromKubeconfig("/nowhere/config"), /ENOENT/);
});
