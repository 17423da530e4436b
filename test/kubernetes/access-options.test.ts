import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { accessOf } from "../../src/kubernetes/access-options.ts";

test("a kubeconfig counts before an endpoint", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "weftdns-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "config");
  const clusters = [{ name: "c", cluster: { server: "http://one.test" } }];
  const contexts = [{ name: "c", context: { cluster: "c" } }];
  writeFileSync(path, JSON.stringify({ clusters, contexts, "current-context": "c" }));
  const config = { endpoint: "http://two.test", tls: undefined, kubeconfig: { path, context: "" } };
  assert.equal((await accessOf(config)).server.href, "http://one.test/");
});

test("a file of tls that is missing is named", async () => {
  const files = { cert: "/nowhere/cert", key: "/nowhere/key", ca: "/nowhere/ca" };
  const config = { endpoint: "https://one.test", tls: files, kubeconfig: undefined };
  await assert.rejects(accessOf(config), { message: /^ENOENT: no such file or directory, open '\/nowhere\/\w+'$/ });
});
