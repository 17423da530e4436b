/**
 * Prometheus scrapes this server and CoreDNS under the same light load, and is asked every query of our dashboard, of our
 * alerts, and of the public dashboards and rules: each must be understood, and have series. `prometheus` is Debian's.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { rows } from "../../scripts/dashboard-panels.ts";
import { GONE, NOT_OURS, publicQueries } from "../grafana/public-queries.ts";
import { alerts, metricsIn } from "../grafana/support.ts";
import { ScriptedUpstream } from "../parity/upstream.ts";
import { get } from "../support/http.ts";
import { freePorts, ourCommand, TestServer } from "../support/server.ts";
import { encodeQuestion, exchange, type Question } from "../support/wire.ts";

/** `rate` needs a few scrapes, one a second. */
const LOAD_MS = 12_000;
const ANSWER_MS = 1_000;
/** The step that Grafana would choose. */
const INTERVAL = "10s";
/** More names than the cache has room for: some make room for others. */
const FLOOD = 4_000;

/** A small cache of short times, so that all that it counts happens. */
const COREFILE = `.:{PORT} {
  errors
  health 127.0.0.1:{HEALTH} {
    lameduck 0s
  }
  ready 127.0.0.1:{READY}
  prometheus 127.0.0.1:{HTTP}
  forward . {UP:well} {UP:down} {
    max_concurrent 1000
    policy round_robin
  }
  cache 30 {
    success 1024 2 1
    denial 1024 2 1
    prefetch 2 1m 90%
    serve_stale 1h
  }
  loop
  reload
  loadbalance
}
`;

/** What of our own there is only when something has gone wrong that this test does not do. */
const NOT_HERE: Readonly<Record<string, string>> = { weftdns_loop_detected: "there is no loop" };

const coredns = [
  process.env.COREDNS ?? "",
  ...(process.env.PATH ?? "").split(delimiter).map((directory) => join(directory, "coredns")),
  join(homedir(), "go/bin/coredns"),
].find(isExecutable);

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return path.includes("/");
  } catch {
    return false;
  }
}

const missing = [
  spawnSync("prometheus", ["--version"]).error !== undefined && "prometheus",
  coredns === undefined && "coredns",
  !isExecutable(ourCommand) && "a build of ours",
].filter((name) => name !== false);
const skip = missing.length > 0 && process.env.CI !== "true" && `not here: ${missing.join(", ")}`;

interface Scraped {
  readonly job: string;
  readonly server: TestServer;
}

async function start(
  job: string,
  command: string,
  upstreams: Record<string, string>,
): Promise<Scraped & { http: number }> {
  const [http, health, ready] = await freePorts(3);
  const placeholders = { HTTP: String(http), HEALTH: String(health), READY: String(ready), ...upstreams };
  return { job, http: http!, server: await TestServer.start({ corefile: COREFILE, placeholders, command }) };
}

const soa = "example.org. 60 IN SOA ns.example.org. root.example.org. 1 2 3 4 5";

function upstreamOf(port: number): ScriptedUpstream {
  return new ScriptedUpstream(
    "well",
    {
      rules: [
        { when: "fails.example.org. A", replies: [{ rcode: "SERVFAIL" }] },
        { when: "slow.example.org. A", replies: [{ delayMs: 120, answer: ["slow.example.org. 1 IN A 192.0.2.1"] }] },
        {
          when: "guessed.example.org. A",
          replies: [{ wrongId: true }, { answer: ["guessed.example.org. 1 IN A 192.0.2.1"] }],
        },
        { when: ". NS", replies: [{}] },
        { when: "www.example.org. A", replies: [{ answer: ["www.example.org. 60 IN A 192.0.2.1"] }] },
        { when: "rare.example.org. A", replies: [{ answer: ["rare.example.org. 60 IN A 192.0.2.1"] }] },
        { replies: [{ rcode: "NXDOMAIN", authority: [soa] }] },
      ],
    },
    port,
  );
}

/** A little of everything, every tenth of a second. */
async function load(servers: readonly Scraped[]): Promise<void> {
  const until = performance.now() + LOAD_MS;
  const waiting: Promise<unknown>[] = [];
  const ask = (port: number, name: string, more: Partial<Question> = {}) => {
    const question: Question = { ask: `${name}.example.org. A`, ...more };
    waiting.push(exchange(encodeQuestion(question), port, question, ANSWER_MS).catch(() => {}));
  };
  for (let round = 0; performance.now() < until; round++) {
    for (const { server } of servers) {
      for (let i = 0; i < 4; i++) ask(server.port, "www");
      ask(server.port, "www", { over: "tcp" });
      ask(server.port, "www", { edns: { size: 1_232, do: true } });
      ask(server.port, "none");
      ask(server.port, "none", { to: "::1" });
      // It is over when it is asked for again.
      if (round % 30 === 0) ask(server.port, "rare");
      ask(server.port, "guessed");
      for (let i = 0; i < 3; i++) ask(server.port, "slow");
      if (round % 3 === 0) ask(server.port, `fails${round}`);
      ask(server.port, "fails");
      for (let i = 0; i < (FLOOD * 120) / LOAD_MS; i++) ask(server.port, `flood${round}-${i}`);
    }
    await sleep(100);
  }
  await Promise.all(waiting);
}

class Prometheus {
  readonly #directory = mkdtempSync(join(tmpdir(), "weftdns-prometheus-"));
  readonly #port: number;
  readonly #process: ChildProcess;

  constructor(port: number, targets: readonly { readonly job: string; readonly http: number }[]) {
    this.#port = port;
    const jobs = targets.map(
      ({ job, http }) => `  - job_name: ${job}\n    static_configs:\n      - targets: ["127.0.0.1:${http}"]\n`,
    );
    const config = join(this.#directory, "prometheus.yml");
    writeFileSync(config, `global:\n  scrape_interval: 1s\nscrape_configs:\n${jobs.join("")}`);
    this.#process = spawn(
      "prometheus",
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(this.#directory, "data")}`,
        `--web.listen-address=127.0.0.1:${port}`,
        "--log.level=error",
      ],
      { stdio: "ignore" },
    );
  }

  async ready(): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      if ((await get(this.#port, "/-/ready"))?.status === 200) return;
      await sleep(100);
    }
    throw new Error("prometheus does not start");
  }

  /** How many series there are. Rejects when the query is not understood. */
  async count(query: string): Promise<number> {
    const reply = await get(this.#port, `/api/v1/query?query=${encodeURIComponent(query)}`, 5_000);
    const { status, error, data } = JSON.parse(reply!.text) as {
      status: string;
      error?: string;
      data?: { result: { value: [number, string] }[] };
    };
    assert.equal(status, "success", `${query}: ${error}`);
    return data!.result.length;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill();
    await ended;
    rmSync(this.#directory, { recursive: true });
  }
}

/** Puts in what a dashboard's variables would be. */
function fill(query: string, job: string): string {
  return query
    .replaceAll("$selector", `job="${job}"`)
    .replaceAll("$__rate_interval", INTERVAL)
    .replaceAll("$job", job)
    .replaceAll("$protocol", "udp")
    .replaceAll(/\$(instance|cluster)/g, ".*");
}

/** Without the comparison that makes it an alert. */
function measured(expr: string): string {
  return expr.trim().replace(/\s+([<>]|==)\s+[\d.]+$/, "");
}

const known = (expr: string, exceptions: Readonly<Record<string, string>>) =>
  metricsIn(expr).some((metric) => Object.hasOwn(exceptions, metric));

describe("Prometheus", { skip, timeout: 180_000 }, () => {
  const scraped: (Scraped & { http: number })[] = [];
  let upstream: ScriptedUpstream;
  let prometheus: Prometheus;

  before(async () => {
    assert.deepEqual(missing, [], "these are missing");
    const [well, down, port] = await freePorts(3);
    upstream = upstreamOf(well!);
    await upstream.start();
    const upstreams = { "UP:well": `127.0.0.1:${well}`, "UP:down": `127.0.0.1:${down}` };
    scraped.push(await start("weftdns", ourCommand, upstreams));
    scraped.push(await start("coredns", coredns!, upstreams));
    prometheus = new Prometheus(port!, scraped);
    await prometheus.ready();
    await load(scraped);
    await sleep(1_500);
  });

  after(async () => {
    await prometheus?.stop();
    const codes = await Promise.all(scraped.map(({ server }) => server.stop()));
    await upstream?.stop();
    assert.deepEqual(codes, [0, 0]);
  });

  for (const { title, panels } of rows) {
    for (const panel of panels) {
      test(`dashboard: ${title}: ${panel.title}`, async () => {
        for (const { expr } of panel.queries) {
          const count = await prometheus.count(fill(expr, "weftdns"));
          if (!known(expr, NOT_HERE)) assert.ok(count > 0, `no series: ${expr}`);
        }
      });
    }
  }

  for (const { alert, expr } of alerts()) {
    test(`alert: ${alert}: ${expr.slice(0, 60).trim()}`, async () => {
      await prometheus.count(expr);
      // This one has a series when there is none.
      const query = alert === "CoreDNSDown" ? "up" : measured(expr);
      assert.ok(query !== expr.trim(), "what it measures is known");
      if (known(expr, NOT_HERE)) return;
      assert.ok((await prometheus.count(query)) > 0, `no series: ${query}`);
    });
  }

  for (const { source, queries } of publicQueries) {
    for (const query of queries) {
      test(`${source}: ${query.replaceAll("\n", " ")}`, async () => {
        const [ours, theirs] = await Promise.all(
          ["weftdns", "coredns"].map((job) => prometheus.count(fill(onlyOf(query, job), job))),
        );
        if (known(query, GONE)) assert.deepEqual({ ours, theirs }, { ours: 0, theirs: 0 });
        else if (known(query, NOT_OURS)) assert.equal(ours, 0);
        else assert.ok(ours! > 0 && theirs! > 0, `${ours} series of ours, ${theirs} of CoreDNS`);
      });
    }
  }
});

/** Queries that do not choose a job: of this one only. */
function onlyOf(query: string, job: string): string {
  return /\$selector|\$job/.test(query) ? query : query.replaceAll("{", `{job="${job}",`);
}
