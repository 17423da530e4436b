/** What signals do to a server, and that those which mean nothing do nothing. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { familyOf } from "../../bench/load/usage.ts";
import { ourCommand, parentCommand, TestServer } from "../support/server.ts";
import { skipNative } from "../transport/udp-support.ts";

const corefile = ".:{PORT} {\n whoami\n health 127.0.0.1:{PORT2} {\n  lameduck 2s\n }\n}\n";

test("SIGUSR2 and signals that mean nothing do not end the server", { timeout: 30_000 }, async () => {
  const server = await TestServer.start({ corefile });
  try {
    for (const signal of ["SIGHUP", "SIGALRM", "SIGVTALRM", "SIGIO", "SIGPWR", "SIGXCPU", "SIGPROF"] as const)
      server.signal(signal);
    server.signal("SIGUSR2");
    const warning = "[WARNING] SIGUSR2: Upgrading is not supported: start the new server, then end this one";
    assert.equal(await server.line(/SIGUSR2/), warning);
    assert.ok(await server.ask({ ask: "www.example.org. A" }), "an answer");
  } finally {
    assert.equal(await server.stop(), 0, server.lines.slice(-5).join("\n"));
  }
});

for (const { signals, code, isOther = false } of [
  { signals: ["SIGTERM"], code: 0 },
  { signals: ["SIGINT"], code: 0 },
  { signals: ["SIGINT", "SIGINT"], code: 2 },
  { signals: ["SIGQUIT"], code: 0 },
  { signals: ["SIGTERM"], code: 0, isOther: true },
] as const) {
  test(`${signals.join(", ")}: the pidfile ${isOther ? "of another server stays" : "goes"}`, {
    timeout: 30_000,
  }, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), "weftdns-pid-"));
    t.after(() => rmSync(directory, { recursive: true }));
    const file = join(directory, "pid");
    const server = await TestServer.start({ corefile, arguments: ["-pidfile", file] });
    assert.equal(readFileSync(file, "utf8"), `${server.pid}\n`);
    if (isOther) writeFileSync(file, "1\n");
    for (const signal of signals) {
      server.signal(signal);
      await sleep(50);
    }
    assert.equal(await server.stop(), code);
    assert.equal(existsSync(file), isOther);
  });
}

for (const { name, ms } of [
  { name: "a worker that is ended while it prepares", ms: 3_000 },
  { name: "one that comes to its end all the same", ms: 50 },
])
  test(`SIGTERM amid a start, ${name}: not a word more, and 0`, { timeout: 30_000 }, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), "weftdns-start-"));
    t.after(() => rmSync(directory, { recursive: true }));
    const [plugin, pidfile] = [join(directory, "slow.mjs"), join(directory, "pid")];
    const load = `console.log("preparing"); await new Promise((go) => setTimeout(go, ${ms}));`;
    writeFileSync(
      plugin,
      `import { isMainThread } from "node:worker_threads";
      if (!isMainThread) { ${load} }
      export default { parse() {}, serve: () => () => 5 };`,
    );
    const child = spawn(ourCommand, ["-conf", "stdin", "-pidfile", pidfile]);
    t.after(() => child.kill("SIGKILL"));
    child.stdin.end(`.:0 {\n bind 127.0.0.1\n multisocket 1\n ${plugin}\n}\n`);
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (part) => (text += part));
    while (!text.includes("preparing")) await sleep(2);
    child.kill("SIGTERM");
    const [code] = await once(child, "close");
    assert.equal(code, 0, text);
    assert.match(text, /preparing\n\[INFO\] SIGTERM: Shutting down servers then terminating\n$/);
  });

const [term, int] = ["[INFO] SIGTERM: Shutting down servers then terminating", "[INFO] SIGINT: Shutting down"];
for (const { signals, lines, code } of [
  { signals: ["SIGTERM", "SIGINT"], lines: [term, int], code: 0 },
  { signals: ["SIGINT", "SIGTERM", "SIGTERM"], lines: [int, term], code: 0 },
  { signals: ["SIGTERM", "SIGUSR1"], lines: [term, "[INFO] SIGUSR1: Reloading"], code: 0 },
  { signals: ["SIGTERM", "SIGINT", "SIGINT"], lines: [term, int, "[INFO] SIGINT: Force quit"], code: 2 },
  { signals: ["SIGINT", "SIGINT"], lines: [int, "[INFO] SIGINT: Force quit"], code: 2 },
] as const) {
  test(`${signals.join(", ")} amid lameduck`, { timeout: 30_000 }, async () => {
    const server = await TestServer.start({ corefile });
    const from = performance.now();
    for (const signal of signals) {
      server.signal(signal);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const isForced = code !== 0;
    // Its end is awaited, and another SIGTERM changes nothing.
    assert.equal(await server.stop(), code);
    assert.equal(performance.now() - from < 2_000, isForced, "lameduck goes on unless it is forced");
    assert.deepEqual(
      server.lines.filter((line) => line.includes("SIG")),
      lines,
    );
  });
}

for (const { name, command } of [
  { name: "the server", command: [ourCommand] },
  { name: "its parent", command: [parentCommand, ourCommand] },
]) {
  const options = { timeout: 30_000, skip: skipNative };
  test(
    `SIGUSR1 to ${name} from the first moment on: a reload when it serves, never an inspector`,
    options,
    async (t) => {
      const child = spawn(command[0]!, [...command.slice(1), "-conf", "stdin"]);
      t.after(() => child.kill());
      child.stdin.end(".:0 {\n bind 127.0.0.1\n multisocket 1\n whoami\n}\n");
      let text = "";
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding("utf8").on("data", (part) => (text += part));
      // Before, it is a shell that has not come to ignore it, or a parent without a child.
      const nodeIsThere = () => readFileSync(`/proc/${child.pid}/cmdline`, "utf8").includes("main.js");
      while (command.length === 1 ? !nodeIsThere() : familyOf(child.pid!).length < 2) await sleep(1);
      for (; child.exitCode === null && !text.includes("Reloading complete"); await sleep(2)) child.kill("SIGUSR1");
      assert.deepEqual([child.exitCode, child.signalCode], [null, null], text);
      assert.doesNotMatch(text, /Debugger|the server is starting/);
    },
  );
}
