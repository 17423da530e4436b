/** Row K6, what needs a machine of its own kind: no right to take port 53, a kernel without IPv6. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ourCommand, TestServer } from "../support/server.ts";
import { figure, sized } from "./figures.ts";

const MAX_MS = sized(10_000, 2_000);
const directory = mkdtempSync(join(tmpdir(), "weftdns-start-"));
after(() => rmSync(directory, { recursive: true }));

function whyNoCapability(): string | false {
  if (process.getuid?.() !== 0) return "needs root, to give up a right";
  if (spawnSync("setpriv", ["--version"]).status !== 0) return "needs setpriv";
  const first = Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"));
  return first <= 53 && "anybody may take port 53 here";
}

/** A program that starts the server with `words` before it. */
function wrapper(name: string, words: string): string {
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\nexec ${words} ${ourCommand} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

for (const [what, corefile] of [
  ["port 53", ".:53 {\n  bind 127.0.0.1\n  whoami\n}\n"],
  ["port 80 for health", ".:{PORT} {\n  whoami\n  health 127.0.0.1:80\n}\n"],
] as const) {
  test(`K6: ${what} without CAP_NET_BIND_SERVICE`, { timeout: 30_000, skip: whyNoCapability() }, async () => {
    const rights = "setpriv --bounding-set=-net_bind_service --inh-caps=-net_bind_service --ambient-caps=-all";
    const from = performance.now();
    const { code, lines } = await TestServer.run({ corefile, command: wrapper("unprivileged", rights) });
    const ms = Math.round(performance.now() - from);
    figure({ row: "K6", what: "until the process has ended", value: ms, unit: "ms", atMost: MAX_MS });
    assert.equal(code, 1, lines.join("\n"));
    const said = lines.filter((line) => !line.startsWith("maxprocs"));
    assert.equal(said.length, 1, lines.join("\n"));
    assert.match(said[0]!, /(:53|:80)\b.*permission denied/);
  });
}

/** Builds what is preloaded into the server, and gives its path. */
function preload(name: string): string {
  const library = join(directory, `${name}.so`);
  const source = join(import.meta.dirname, `${name}.c`);
  const warnings = ["-Wall", "-Wextra", "-Werror"];
  execFileSync(process.env.CC ?? "cc", ["-O2", ...warnings, "-shared", "-fPIC", "-o", library, source, "-ldl"]);
  return library;
}

const noBatches = /^\[WARNING\] Batched UDP is not available.*: the system refuses recvmmsg or sendmmsg \(EPERM\)$/;
for (const { name, library, refused, warning } of [
  { name: "a kernel without IPv6", library: "no-ipv6" },
  {
    name: "a sandbox that refuses the steering program",
    library: "refuse",
    refused: "steering",
    warning: /^\[WARNING\] Queries are spread over workers by the kernel's hash: .*\(EPERM\)$/,
  },
  { name: "a sandbox that refuses recvmmsg", library: "refuse", refused: "recvmmsg", warning: noBatches },
  { name: "a sandbox that refuses sendmmsg", library: "refuse", refused: "sendmmsg", warning: noBatches },
]) {
  test(`K6: ${name}: IPv4 is served`, {
    timeout: 30_000,
    skip: spawnSync(process.env.CC ?? "cc", ["--version"]).status !== 0 && "needs a C compiler",
  }, async () => {
    const server = await TestServer.start({
      corefile: ".:{PORT} {\n  multisocket 2\n  whoami\n  health :{PORT2}\n}\n",
      command: wrapper(refused ?? library, `env LD_PRELOAD=${preload(library)} REFUSED=${refused}`),
    });
    try {
      for (const over of ["udp", "tcp"] as const) {
        const reply = await server.ask({ ask: "www.example.org. A", over });
        assert.equal(reply?.rcode, "NOERROR", `over ${over}`);
      }
      if (warning !== undefined)
        assert.equal(server.lines.filter((line) => warning.test(line)).length, 1, server.lines.join("\n"));
    } finally {
      assert.equal(await server.stop(), 0);
    }
  });
}
