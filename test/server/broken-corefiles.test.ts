/** Row K1: a reload with a broken Corefile, or with one that cannot be served, changes nothing for anybody. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { readdirSync } from "node:fs";
import { createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { loadConfiguration } from "../../src/supervisor/configuration.ts";
import { figure } from "../faults/figures.ts";
import { get } from "../support/http.ts";
import { SteadyLoad } from "../support/load.ts";
import { freePorts, TestServer } from "../support/server.ts";

const GOOD = `(common) {
  errors
  log . {
    class error
  }
}
.:{PORT} {
  import common
  whoami
  health 127.0.0.1:{HEALTH}
  ready 127.0.0.1:{READY}
  prometheus 127.0.0.1:{METRICS}
  reload 2s 0
  acl {
    block net 192.0.2.0/24
  }
}
example.net:{PORT} {
  import common
  forward . 127.0.0.1:{PORT2} {
    max_fails 3
    policy random
  }
}
`;
const COUNT = 200;

/** Each word left out, doubled, exchanged for one that means nothing or a brace; the text cut behind it. */
function* damaged(text: string): Generator<string> {
  for (const match of text.matchAll(/\S+/g)) {
    const before = text.slice(0, match.index);
    const after = text.slice(match.index + match[0].length);
    for (const word of [
      "",
      `${match[0]} ${match[0]}`,
      "nonsense",
      "{",
      "}",
      "-1",
      '"',
      "{$NOTHING}",
      "import nobody",
    ]) {
      yield before + word + after;
    }
    yield before + match[0];
  }
}

async function isBroken(text: string): Promise<boolean> {
  const source = { file: "Corefile", text, dnsPort: 53, logFormat: "text" as const, environment: {} };
  return Array.isArray(await loadConfiguration(source, 1));
}

/** Asks all endpoints without a pause. Gives how often one of them was silent or said something else. */
function watchEndpoints(
  places: readonly (readonly [number, string])[],
): () => Promise<{ asked: number; bad: string[] }> {
  let going = true;
  let asked = 0;
  const bad: string[] = [];
  const runs = places.map(async ([port, path]) => {
    while (going) {
      asked++;
      const reply = await get(port, path);
      if (reply?.status !== 200) bad.push(`${path}: ${reply?.status ?? "silent"}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });
  return async () => {
    going = false;
    await Promise.all(runs);
    return { asked, bad };
  };
}

/** Threads of libuv and of V8 may have opened what they keep; sockets must be the same. */
function socketCount(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

async function sampleOf(metric: string, port: number): Promise<number> {
  const text = (await get(port, "/metrics"))?.text ?? "";
  return Number(new RegExp(`^${metric} (\\d+)$`, "m").exec(text)?.[1]);
}

const failedReloads = (port: number) => sampleOf("coredns_reload_failed_total", port);

test(`${COUNT} broken Corefiles, and some that cannot be served, under load`, { timeout: 120_000 }, async () => {
  const [healthPort, readyPort, metricsPort] = (await freePorts(3)) as [number, number, number];
  const placeholders = { HEALTH: `${healthPort}`, READY: `${readyPort}`, METRICS: `${metricsPort}` };
  const server = await TestServer.start({ corefile: GOOD, placeholders });
  const broken: string[] = [];
  for (const text of damaged(server.fill(GOOD))) if (await isBroken(text)) broken.push(text);
  assert.ok(broken.length >= COUNT, `only ${broken.length} of the damaged files are broken`);
  const step = broken.length / COUNT;

  const load = new SteadyLoad(server.port);
  const stopWatching = watchEndpoints([
    [healthPort, "/health"],
    [readyPort, "/ready"],
    [metricsPort, "/metrics"],
  ]);
  const fds = socketCount(server.pid);
  const isCurrent = () => sampleOf("weftdns_configuration_current", metricsPort);
  /** Gives the line that says why. */
  const refused = async (text: string): Promise<string> => {
    const from = server.lines.length;
    server.write("Corefile", text);
    server.signal("SIGUSR1");
    const line = await server.line(/^\[ERROR\] SIGUSR1: starting with listener file descriptors: ./, from, 10_000);
    assert.ok(line, `${text}\n${server.lines.slice(from).join("\n")}`);
    const others = server.lines.slice(from).filter((one) => /Reloading complete/.test(one));
    assert.deepEqual(others, [], text);
    return line;
  };
  try {
    for (let i = 0; i < COUNT; i++) {
      const line = await refused(broken[Math.floor(i * step)]!);
      assert.match(line, /Corefile:\d+ - |plugin\/\w+: |error inspecting server blocks: |cannot serve/, line);
    }

    const udp = createSocket("udp4");
    await new Promise<void>((resolve) => udp.bind(0, "127.0.0.1", resolve));
    const tcp = createServer();
    await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
    const ports = { udp: udp.address().port, tcp: (tcp.address() as { port: number }).port };
    const [newPort] = await freePorts(1);
    for (const { text, says } of [
      { text: `${GOOD}.:${ports.udp} {\n bind 127.0.0.1\n whoami\n}\n`, says: `${ports.udp}` },
      { text: `${GOOD}.:${ports.tcp} {\n bind 127.0.0.1\n whoami\n}\n`, says: `${ports.tcp}` },
      { text: `.:{PORT} {\n whoami\n}\n.:${ports.tcp} {\n bind 127.0.0.1\n whoami\n}\n`, says: `${ports.tcp}` },
      { text: GOOD.replace("{HEALTH}", `${ports.tcp}`), says: `listen tcp 127.0.0.1:${ports.tcp}: bind: ` },
      { text: `${GOOD}.:${newPort} {\n bind 192.0.2.1\n whoami\n}\n`, says: "192.0.2.1" },
      { text: `${GOOD}.:${newPort} {\n file nothing {\n  reload 0\n }\n}\n`, says: "nothing" },
    ]) {
      assert.ok((await refused(server.fill(text))).includes(says), says);
      assert.equal(await server.ask({ ask: "www.example.org. A", port: 2 }, 100), undefined);
    }
    tcp.close();
    udp.close();

    // The same by the plugin, which counts.
    const failed = await failedReloads(metricsPort);
    const from = server.lines.length;
    server.write("Corefile", GOOD.replace("whoami", "nonsense"));
    assert.ok(await server.line(/^\[ERROR\] plugin\/reload: Corefile changed but reload failed: /, from, 6_000));
    assert.equal(await failedReloads(metricsPort), failed + 1);
    assert.equal(await isCurrent(), 0);
    // As it was at the start: nothing is to be taken.
    server.write("Corefile", GOOD);
    for (let i = 0; i < 60 && (await isCurrent()) === 0; i++) await sleep(100);
    assert.equal(await isCurrent(), 1);

    const endpoints = await stopWatching();
    assert.ok(endpoints.asked > 100);
    assert.deepEqual(endpoints.bad, []);
    figure({ row: "K1", what: "broken Corefiles", value: COUNT, atLeast: COUNT });
    figure({ row: "K1", what: "endpoints that were silent or bad", value: endpoints.bad.length, atMost: 0 });
    const { asked, lost, wrong } = await load.stop();
    assert.ok(asked > 500, `only ${asked} queries`);
    figure({ row: "K1", what: "queries lost", value: lost, atMost: 0 });
    figure({ row: "K1", what: "queries answered wrong", value: wrong, atMost: 0 });
    const left = socketCount(server.pid) - fds;
    figure({ row: "K1", what: "descriptors more than before", value: Math.max(0, left), atMost: 4 });
  } finally {
    await load.stop();
    await stopWatching();
    assert.equal(await server.stop(), 0);
  }
});
