/** Users of a kubeconfig who prove who they are by a program: `exec`. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Access } from "../../../src/kubernetes/api/access.ts";
import { fromKubeconfig } from "../../../src/kubernetes/api/credentials.ts";
import { ExecProgram } from "../../../src/kubernetes/api/exec-program.ts";
import { start } from "./setup.ts";

/** A folder with the program `./program`, which notes each of its runs. */
function folderWith(t: TestContext, script: string): { folder: string; runs(): number; write(script: string): void } {
  const folder = mkdtempSync(join(tmpdir(), "weftdns-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "runs"), "");
  const write = (text: string) =>
    writeFileSync(join(folder, "program"), `#!/bin/sh\necho run >> ${folder}/runs\n${text}\n`, { mode: 0o755 });
  write(script);
  return { folder, write, runs: () => readFileSync(join(folder, "runs"), "utf8").split("\n").length - 1 };
}

const prints = (status: unknown): string => `echo '${JSON.stringify({ kind: "ExecCredential", status })}'`;
const EXEC = { apiVersion: "client.authentication.k8s.io/v1", command: "./program", interactiveMode: "Never" };

/** The way to a server by a kubeconfig beside the program. */
async function accessIn(folder: string, exec: unknown = EXEC): Promise<Access> {
  const config = {
    clusters: [{ name: "one", cluster: { server: "https://api.test", "certificate-authority-data": btoa("the CA") } }],
    users: [{ name: "one", user: { exec } }],
    contexts: [{ name: "one", context: { cluster: "one", user: "one" } }],
    "current-context": "one",
  };
  writeFileSync(join(folder, "config"), JSON.stringify(config));
  return await fromKubeconfig(join(folder, "config"));
}

const headersOf = async (access: Access) => (await access.credentials()).headers;

test("a program is run by the first request, and again when its token was refused", async (t) => {
  const { folder, runs, write } = folderWith(t, prints({ token: "one" }));
  const access = await accessIn(folder);
  assert.equal(runs(), 0);
  assert.deepEqual(await headersOf(access), { authorization: "Bearer one" });
  write(prints({ token: "two" }));
  access.refresh();
  assert.deepEqual(await headersOf(access), { authorization: "Bearer one" });
  access.refresh(true);
  assert.deepEqual(await headersOf(access), { authorization: "Bearer two" });
  assert.equal(runs(), 2);
  write("exit 3");
  access.refresh(true);
  await assert.rejects(access.credentials(), { message: `exec: executable ${folder}/program failed with exit code 3` });
});

test("a certificate of a program, with the cluster's authority", async (t) => {
  const { folder } = folderWith(t, prints({ clientCertificateData: "C", clientKeyData: "K" }));
  const { headers, tls } = await (await accessIn(folder)).credentials();
  assert.deepEqual([headers, String(tls.ca), tls.cert, tls.key], [{}, "the CA", "C", "K"]);
});

test("a token that expires is fetched anew", async (t) => {
  const at = (ms: number) => new Date(Date.now() + ms).toISOString();
  for (const { expirationTimestamp, count } of [
    { expirationTimestamp: at(60_000), count: 1 },
    { expirationTimestamp: at(-1_000), count: 2 },
    { expirationTimestamp: undefined, count: 1 },
  ]) {
    const { folder, runs } = folderWith(t, prints({ token: "one", expirationTimestamp }));
    const program = new ExecProgram(EXEC, folder, {});
    await program.proof();
    await program.proof();
    assert.equal(runs(), count);
  }
});

test("what a program is told: its words, its environment, and where the cluster is", async (t) => {
  const script = `printf '{"status":{"token":"%s %s"}}' "$1" "$(echo "$MORE $KUBERNETES_EXEC_INFO" | base64 -w 0)"`;
  const { folder } = folderWith(t, script);
  const told = async (exec: unknown) => {
    const { authorization } = await headersOf(await accessIn(folder, exec));
    const [, word, rest] = String(authorization).split(" ");
    const [more, ...info] = atob(rest!).split(" ");
    return [word, more, JSON.parse(info.join(" "))];
  };
  const { apiVersion } = EXEC;
  const exec = { ...EXEC, args: ["a"], env: [{ name: "MORE", value: "more" }] };
  const spec = { interactive: false };
  assert.deepEqual(await told(exec), ["a", "more", { kind: "ExecCredential", apiVersion, spec }]);
  const cluster = { server: "https://api.test", "certificate-authority-data": btoa("the CA") };
  assert.deepEqual(await told({ ...exec, provideClusterInfo: true }), [
    ...["a", "more"],
    { kind: "ExecCredential", apiVersion, spec: { ...spec, cluster } },
  ]);
});

for (const { script, command = "./program", message } of [
  { script: "echo no login >&2; exit 1", message: "PROGRAM failed with exit code 1: no login" },
  { script: "exit 7", message: "PROGRAM failed with exit code 7" },
  { script: "kill -9 $$", message: "PROGRAM was ended by SIGKILL" },
  { script: "echo hello", message: "PROGRAM printed no JSON" },
  { script: prints({}), message: "PROGRAM gave neither a token nor a certificate" },
  { script: "sleep 5", message: "PROGRAM did not end within 0.3s" },
  { script: "", command: "weftdns-no-such-program", message: "weftdns-no-such-program was not found" },
  { script: "", command: "/nowhere/program", message: "/nowhere/program was not found" },
  { script: "", command: "./folder", message: "FOLDER cannot be run: EACCES" },
]) {
  test(`a program fails: ${message}`, async (t) => {
    const { folder } = folderWith(t, script);
    mkdirSync(join(folder, "folder"));
    const program = new ExecProgram({ ...EXEC, command }, folder, {}, 300);
    const text = message.replace("PROGRAM", `${folder}/program`).replace("FOLDER", `${folder}/folder`);
    await assert.rejects(program.proof(), { message: `exec: executable ${text}` });
  });
}

test("a program that hangs does not hold up the end", async (t) => {
  const { folder, runs } = folderWith(t, "exec sleep 5");
  const access = await accessIn(folder);
  const { reflector } = await start(t, { access: () => access });
  while (runs() === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  const began = performance.now();
  await reflector.stop();
  assert.ok(performance.now() - began < 1_000);
});
