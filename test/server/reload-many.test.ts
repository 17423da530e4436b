/** Row K2: many good reloads that add and remove listeners, zones and plugins lose nothing and leave nothing behind. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { HEADER_SIZE } from "../../src/dns/header.ts";
import { figure } from "../faults/figures.ts";
import { get } from "../support/http.ts";
import { SteadyLoad } from "../support/load.ts";
import { freePorts, TestServer } from "../support/server.ts";

/** RELOADS=1500 is the whole row: what is held between two collections differs by a third, so it takes many samples. */
const RELOADS = Number(process.env.RELOADS ?? 40);
/** Before this part of them the server has not seen everything, and its memory still grows. */
const WARM_UP = 0.4;

/** Files that go round, and what the second port says under each. */
const STEPS = [
  { first: "whoami", rest: "", second: undefined },
  { first: "whoami\n cache 30\n loadbalance", rest: ".:{PORT2} {\n whoami\n}", second: "NOERROR" },
  { first: "loop\n forward . {UPSTREAM}", rest: "a.test:{PORT2} {\n erratic {\n drop 0\n}\n}", second: "REFUSED" },
  {
    first: "header {\n response set ra\n}\n whoami",
    rest: "b.test:{PORT} c.test:{PORT} {\n log\n errors\n acl {\n allow\n}\n forward . {UPSTREAM}\n}",
    second: undefined,
  },
  {
    first: "whoami\n health 127.0.0.1:{HEALTH}\n ready 127.0.0.1:{READY}",
    rest: ".:{PORT2} {\n bind 127.0.0.1\n file zone.db example.org\n}",
    second: "NOERROR",
  },
];
const zone = "@ 60 IN SOA ns host 1 60 60 60 60\n@ 60 IN NS ns\nwww 60 IN A 192.0.2.1\n";

/** Descriptors by what they are: `socket`, `pipe` and so on. Of sockets as many as there are, of others the kind. */
function descriptors(pid: number): Map<string, number> {
  const kinds = new Map<string, number>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const kind = readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/[:[(].*/, "");
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    } catch {
      // Closed since it was listed.
    }
  }
  return kinds;
}

function residentMib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;
}

/** Answers every query after `delayMs` with NOERROR and nothing. */
async function slowUpstream(delayMs: number) {
  const socket = createSocket("udp4");
  socket.on("message", (query, peer) => {
    query[2]! |= 0x80;
    if (query.length < HEADER_SIZE) return;
    setTimeout(() => socket.send(query, peer.port, peer.address, () => {}), delayMs);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return socket;
}

test(`${RELOADS} good reloads under load`, { timeout: 60_000 + RELOADS * 1_000 }, async () => {
  const upstream = await slowUpstream(30);
  const [healthPort, readyPort] = (await freePorts(2)) as [number, number];
  const placeholders = {
    UPSTREAM: `127.0.0.1:${upstream.address().port}`,
    HEALTH: `${healthPort}`,
    READY: `${readyPort}`,
  };
  const textOf = ({ first, rest }: (typeof STEPS)[number]) => `.:{PORT} {\n multisocket 2\n ${first}\n}\n${rest}\n`;
  const server = await TestServer.start({ corefile: textOf(STEPS[0]!), placeholders, files: { "zone.db": zone } });
  const load = new SteadyLoad(server.port);
  const samples: { fds: Map<string, number>; mib: number }[] = [];
  try {
    for (let i = 1; i <= RELOADS; i++) {
      const step = STEPS[i % STEPS.length]!;
      const from = server.lines.length;
      server.write("Corefile", textOf(step));
      server.signal("SIGUSR1");
      assert.ok(await server.line(/^\[INFO\] Reloading complete$/, from, 10_000), server.lines.slice(from).join("\n"));
      const reply = await server.ask({ ask: "www.example.org. A", port: 2 }, step.second ? 1_000 : 100);
      assert.equal(reply?.rcode, step.second, `reload ${i}`);
      const health = await get(healthPort, "/health");
      assert.equal(health?.status, step.first.includes("health") ? 200 : undefined, `reload ${i}`);
      // What chains of plans before still hold is given back in a moment.
      if (i % STEPS.length !== 0) continue;
      await new Promise((resolve) => setTimeout(resolve, 150));
      if (i >= RELOADS * WARM_UP) samples.push({ fds: descriptors(server.pid), mib: residentMib(server.pid) });
    }
    const { asked, lost, wrong } = await load.stop();
    figure({ row: "K2", what: "reloads", value: RELOADS, atLeast: RELOADS });
    figure({ row: "K2", what: "queries lost", value: lost, atMost: 0 });
    figure({ row: "K2", what: "queries answered wrong", value: wrong, atMost: 0 });
    const [first, last] = [samples[0]!, samples.at(-1)!];
    const series = samples.map(({ mib }) => mib.toFixed(0)).join(" ");
    const figures = `${asked} queries, MiB ${series}, ${JSON.stringify([...last.fds])}`;
    console.log(`# ${RELOADS} reloads: ${figures}`);
    const kinds = [...new Set([...first.fds.keys(), ...last.fds.keys()])];
    const changed = kinds.filter((kind) => first.fds.get(kind) !== last.fds.get(kind));
    figure({ row: "K2", what: "kinds of descriptors whose number has changed", value: changed.length, atMost: 0 });
    // Collections come when they come, on a busy machine late: the least of some samples is nearest to what is held.
    const least = (some: typeof samples) => Math.min(...some.map(({ mib }) => mib));
    const some = Math.max(3, Math.floor(samples.length / 3));
    const [before, after] = [least(samples.slice(0, some)), least(samples.slice(-some))];
    const grown = (100 * (after - before)) / before;
    // Of a few reloads the first ones weigh more: what they load for the first time stays.
    const bound = RELOADS >= 1_000 ? 5 : 25;
    figure({ row: "K2", what: "memory", value: Number(grown.toFixed(1)), unit: "%", atMost: Math.round(bound) });
  } finally {
    await load.stop();
    assert.equal(await server.stop(), 0);
    upstream.close();
  }
});
