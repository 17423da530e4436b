import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fromEndpoint, inCluster } from "../../../src/kubernetes/api/credentials.ts";

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
