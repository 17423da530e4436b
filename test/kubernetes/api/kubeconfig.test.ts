/** kubeconfig files: who is asked, and what he is shown. Programs have `exec-program.test.ts`. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fromKubeconfig } from "../../../src/kubernetes/api/credentials.ts";

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "weftdns-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

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
    { name: "plain", cluster: { server: "http://one.test:8001", "certificate-authority": "nowhere" } },
    { name: "bare", cluster: { server: "127.0.0.1:8001" } },
    { name: "odd", cluster: { server: "ftp://one.test" } },
    { name: "twice", cluster: {} },
    { name: "twice", cluster: {} },
    { name: "ftp", cluster: { server: "https://two.test", "proxy-url": "ftp://proxy.test" } },
  ],
  users: [
    { name: "token", user: { token: "secret" } },
    { name: "certificate", user: { "client-certificate-data": btoa("C"), "client-key-data": btoa("K") } },
    { name: "tokenFile", user: { token: "older", tokenFile: "token.txt" } },
    { name: "password", user: { username: "me", password: "pass" } },
    { name: "number", user: { token: 1234 } },
    {
      name: "bob",
      user: {
        ...{ token: "secret", as: "bob", "as-uid": "42", "as-groups": ["a", "b"] },
        "as-user-extra": { "example.org/(Scope)": ["x", "y"] },
      },
    },
  ],
  contexts: [
    { name: "main", context: { cluster: "one", user: "token" } },
    { name: "certificate", context: { cluster: "one", user: "certificate" } },
    { name: "password", context: { cluster: "two", user: "password" } },
    { name: "tokenFile", context: { cluster: "two", user: "tokenFile" } },
    { name: "nobody", context: { cluster: "one", user: "none" } },
    { name: "nowhere", context: { cluster: "three", user: "token" } },
    { name: "number", context: { cluster: "one", user: "number" } },
    { name: "plain", context: { cluster: "plain", user: "token" } },
    { name: "bare", context: { cluster: "bare" } },
    { name: "odd", context: { cluster: "odd", user: "token" } },
    { name: "twice", context: { cluster: "twice", user: "token" } },
    { name: "bob", context: { cluster: "one", user: "bob" } },
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
  // As client-go: nothing secret goes over plain HTTP, and an address without scheme is such.
  { context: "plain", server: "http://one.test:8001/", headers: {}, tls: {} },
  { context: "bare", server: "http://127.0.0.1:8001/", headers: {}, tls: {} },
  {
    context: "bob",
    server: "https://one.test:6443/",
    headers: {
      ...{ authorization: "Bearer secret", "impersonate-user": "bob", "impersonate-uid": "42" },
      ...{ "impersonate-group": ["a", "b"], "impersonate-extra-example.org%2f%28scope%29": ["x", "y"] },
    },
    tls: { ca: "CA one" },
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
  { context: "odd", message: /^server "ftp:\/\/one.test" in .*, expected a URL with http or https$/ },
  { context: "twice", message: /^"clusters" of a kubeconfig has two "twice"$/ },
  { context: "number", message: /^"token" of a kubeconfig must be text: put it in quotes$/ },
  { context: "tokenFile", message: /^ENOENT: .*token.txt/ },
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

for (const { text, message } of [
  { text: "\n", message: /^.*config is empty$/ },
  { text: "kind: Config", message: /^.*config has no current-context$/ },
  { text: "just words", message: /^.*config has no current-context$/ },
  { text: "{{: a", message: /^.*config: .+$/ },
]) {
  test(`kubeconfig: ${JSON.stringify(text)}`, async (t) => {
    const file = join(directory(t), "config");
    writeFileSync(file, text);
    await assert.rejects(fromKubeconfig(file), { message });
  });
}

test("kubeconfig: who has begun with a context and a server stays with them", async (t) => {
  const file = join(directory(t), "config");
  const write = (content: unknown) => writeFileSync(file, JSON.stringify(content));
  const show = async () => {
    access.refresh();
    const { headers, tls } = await access.credentials();
    return [headers.authorization, String(tls.ca)];
  };
  write(KUBECONFIG);
  const access = await fromKubeconfig(file);
  write({ ...KUBECONFIG, "current-context": "password" });
  assert.deepEqual(await show(), ["Bearer secret", "CA one"]);
  const [one, ...others] = KUBECONFIG.clusters;
  const users = [{ name: "token", user: { token: "for another" } }];
  write({ ...KUBECONFIG, users, clusters: [{ ...one, cluster: { server: "https://new.test" } }, ...others] });
  assert.deepEqual(await show(), ["Bearer secret", "CA one"]);
  write({ ...KUBECONFIG, users });
  assert.deepEqual(await show(), ["Bearer for another", "CA one"]);
});

test("kubeconfig: an identity provider is asked by the official client", async (t) => {
  const file = join(directory(t), "config");
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = `${part({ alg: "none" })}.${part({ exp: 4e9 })}.x`;
  const config = { "idp-issuer-url": "https://idp.test", "client-id": "x", "id-token": token };
  const users = [{ name: "token", user: { "auth-provider": { name: "oidc", config } } }];
  writeFileSync(file, JSON.stringify({ ...KUBECONFIG, users }));
  const { headers, tls } = await (await fromKubeconfig(file)).credentials();
  assert.deepEqual([headers, String(tls.ca)], [{ authorization: `Bearer ${token}` }, "CA one"]);
});

test("kubeconfig: no file", async () => {
  await assert.rejects(fromKubeconfig("/nowhere/config"), /ENOENT/);
});
