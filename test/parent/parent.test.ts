/** The process above the server: when it starts it again and when not, what it keeps, whom it obeys. Row J3 has figures. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { native } from "../../src/native/index.ts";
import { ourCommand, parentCommand, TestServer } from "../support/server.ts";
import { skipNative } from "../transport/udp-support.ts";

const corefile = ".:{PORT} {\n  bind 127.0.0.1\n  multisocket 2\n  whoami\n}\n";
const BANNER = /^CoreDNS-/;

async function start(t: TestContext, text: string = corefile): Promise<TestServer> {
  const server = await TestServer.start({ corefile: text, hasParent: true });
  t.after(() => server.stop());
  return server;
}

/** The sockets that the server and its parent both have, beside standard output and error. */
function kept(server: TestServer): number {
  const socketsOf = (pid: number) =>
    readdirSync(`/proc/${pid}/fd`)
      .filter((fd) => Number(fd) > 2)
      .map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
      .filter((link) => link.startsWith("socket:"));
  const own = new Set(socketsOf(server.childPid));
  return socketsOf(server.pid).filter((socket) => own.has(socket)).length;
}

async function until(isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !isSo(); i++) await sleep(10);
  assert.ok(isSo());
}

async function killAndWait(server: TestServer): Promise<void> {
  const from = server.lines.length;
  process.kill(server.childPid, "SIGKILL");
  assert.ok(await server.line(BANNER, from, 10_000), server.lines.join("\n"));
}

async function answers(server: TestServer): Promise<void> {
  for (let i = 0; i < 20; i++) assert.ok(await server.ask({ ask: "www.example.org. A" }));
}

describe("a parent", { skip: skipNative }, () => {
  test("ends with a server that cannot start", async () => {
    const { code, lines } = await TestServer.run({ corefile: ".:{PORT} {\n  whomai\n}\n", hasParent: true });
    assert.equal(code, 1);
    assert.equal(lines.filter((line) => /Unknown directive/.test(line)).length, 1);
  });

  for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"] as const)
    test(`hands ${signal} on, and ends with the server`, async (t) => {
      const server = await start(t);
      const child = server.childPid;
      server.signal(signal);
      assert.ok(await server.line(new RegExp(`${signal}: `)));
      assert.equal(await server.stop(), 0);
      assert.throws(() => process.kill(child, 0), /ESRCH/);
    });

  test("hands SIGUSR1 on; a listener that is gone is kept no longer, a new one is", async (t) => {
    const server = await start(t);
    assert.equal(kept(server), 2);
    server.write("Corefile", `${corefile}${corefile.replace("PORT", "PORT2")}`);
    server.signal("SIGUSR1");
    assert.ok(await server.line(/Reloading complete/));
    await until(() => kept(server) === 4);
    const from = server.lines.length;
    server.write("Corefile", corefile);
    server.signal("SIGUSR1");
    assert.ok(await server.line(/Reloading complete/, from));
    await until(() => kept(server) === 2);
    await killAndWait(server);
    await answers(server);
  });

  test("starts a server again that died, with the sockets it had, and says so in log and metrics", async (t) => {
    const server = await start(t, corefile.replace("whoami", "whoami\n  prometheus 127.0.0.1:{PORT2}"));
    for (let deaths = 1; deaths <= 2; deaths++) {
      await killAndWait(server);
      await answers(server);
      assert.equal(kept(server), 2);
      const metrics = await (await fetch(`http://127.0.0.1:${server.port2}/metrics`)).text();
      assert.match(metrics, new RegExp(`^weftdns_worker_restarts_total\\{cause="process"\\} ${deaths}$`, "m"));
    }
    assert.ok(await server.line(/\[ERROR\] the server died of signal 9 \(Killed\) and is started again/));
    assert.equal(await server.stop(), 0);
  });

  test("with another number of workers than before, there are other sockets", async (t) => {
    const server = await start(t);
    server.write("Corefile", corefile.replace("multisocket 2", "multisocket 3"));
    await killAndWait(server);
    await until(() => kept(server) === 3);
    await answers(server);
  });

  test("leaves it to others when the server dies again and again", async (t) => {
    const server = await start(t);
    for (let deaths = 0; deaths < 5; deaths++) await killAndWait(server);
    process.kill(server.childPid, "SIGKILL");
    assert.ok(await server.line(/died of signal 9 \(Killed\), too often within 60 s: not started again/));
    assert.equal(await server.stop(), 128 + 9);
  });

  test("does not start a server again whose Corefile came through a pipe", () => {
    const input = ".:0 {\n  whoami\n}\n";
    const environment = { ...process.env, WEFTDNS_DIED_OF: "signal 9" };
    const { status, stderr } = spawnSync(ourCommand, ["-conf", "stdin"], { input, env: environment, encoding: "utf8" });
    assert.equal(status, 1);
    assert.match(stderr, /the Corefile was read from a pipe, by a process that has died/);
  });

  test("obeys nobody but the server", async (t) => {
    const server = await start(t);
    const environment = readFileSync(`/proc/${server.childPid}/environ`, "latin1").split("\0");
    const address = environment.find((line) => line.startsWith("NOTIFY_SOCKET="))!.split("=")[1]!;
    for (const index of [0, 1]) {
      const name = `weftdns-${index}-${encodeURIComponent(`udp 127.0.0.1 ${server.port}`)}`;
      assert.equal(native!.sendNotice(address, `FDSTOREREMOVE=1\nFDNAME=${name}`, -1), 0);
    }
    assert.equal(native!.sendNotice(address, "STOPPING=1", -1), 0);
    await killAndWait(server);
    assert.equal(kept(server), 2);
    await answers(server);
  });

  test("takes the server with it when it is killed", async (t) => {
    const server = await start(t);
    const child = server.childPid;
    process.kill(server.pid, "SIGKILL");
    await until(() => {
      try {
        process.kill(child, 0);
        return false;
      } catch {
        return true;
      }
    });
  });

  test("says how it is used", () => {
    const { status, stderr } = spawnSync(parentCommand, { encoding: "utf8" });
    assert.equal(status, 2);
    assert.match(stderr, /^usage: /);
  });
});
