/** `npm run bench`: how much CPU, time and memory a DNS server takes, beside a program that only echoes. See bench/README.md. */
import { existsSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { compare } from "./load/compare.ts";
import type { Contestant, RunOptions } from "./load/lanes.ts";
import { renderPage } from "./load/page.ts";
import { endWithUs, stopAll } from "./load/processes.ts";
import { profileScenario } from "./load/profile.ts";
import { readRecord, recordOf, writeText } from "./load/record.ts";
import { type Finished, formatTable } from "./load/report.ts";
import { runScenario } from "./load/scenario-run.ts";
import { scenarios } from "./load/scenarios.ts";
import { servers } from "./load/servers.ts";
import { buildTools } from "./load/tools.ts";

const help = `npm run bench -- [--scenario NAME,...] [--server NAME[@TAG][=PATH],...] [--repeats 3] [--seconds 2] [--json FILE]
                 [--html FILE] [--from FILE] [--queries 500000] [--quiet 0] [--with-dnsperf] [--profile] [--list]

  --scenario   names or beginnings of names ("zone"); all of them without
  --server     names, or NAME@TAG=PATH for another build of one: weftdns@before=../before; all of them without
  --repeats    rounds over all servers; the table shows medians and the spread between the rounds
  --seconds    length of one window of load
  --queries    of a startup or memory scenario, before its last look at the memory
  --quiet      seconds that each window may wait for a quiet machine, and be repeated when others disturbed it
  --json       also write a record, for example to bench/results/
  --html       also write a page with charts, complete in one file
  --from       measure nothing: show the record in this file, as a table or with --html as a page
  --profile    leave flame graphs of WeftDNS, or of the servers named, in bench/build/profiles
  --with-dnsperf   let dnsperf ask the same, as a cross-check
`;

process.exitCode = await main().catch((error: Error) => {
  console.error(`bench: ${error.message}`);
  return 1;
});

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      scenario: { type: "string" },
      server: { type: "string" },
      repeats: { type: "string", default: "3" },
      seconds: { type: "string", default: "2" },
      queries: { type: "string", default: "500000" },
      quiet: { type: "string", default: "0" },
      json: { type: "string" },
      html: { type: "string" },
      from: { type: "string" },
      profile: { type: "boolean", default: false },
      "with-dnsperf": { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  if (values.list) {
    for (const { name, summary } of scenarios) console.log(`${name.padEnd(24)} ${summary}`);
    console.log(`servers: ${servers.map(({ name }) => name).join(", ")}`);
    return 0;
  }
  if (values.from !== undefined) {
    const record = readRecord(values.from);
    if (values.html !== undefined) writeText(values.html, renderPage(record));
    else for (const { results, ...scenario } of record.scenarios) console.log(formatTable({ scenario, results }));
    return 0;
  }
  const wanted = (values.scenario ?? "").split(",");
  const chosen = scenarios.filter(({ name }) => wanted.some((beginning) => name.startsWith(beginning)));
  const everybody = values.profile ? "weftdns" : servers.map(({ name }) => name).join(",");
  const contestants = (values.server ?? everybody).split(",").map(contestant);
  const options: RunOptions = {
    repeats: between("repeats", values.repeats, 1, 100),
    seconds: between("seconds", values.seconds, 0.1, 600),
    queries: between("queries", values.queries, 1, 1e9),
    quietSeconds: between("quiet", values.quiet, 0, 600),
    dnsperf: values["with-dnsperf"],
  };
  const twice = contestants.find(({ label }, i) => contestants.findIndex((other) => other.label === label) < i);
  if (twice !== undefined) throw new Error(`two servers are called ${twice.label}; name them ${twice.label}@TAG=PATH`);
  const unknown = wanted.find((beginning) => !chosen.some(({ name }) => name.startsWith(beginning)));
  if (unknown !== undefined) throw new Error(`no scenario is named ${unknown}; --list shows them`);
  if (availableParallelism() < 2) throw new Error("two cores are needed: one for the server, one for the load");

  buildTools();
  endWithUs();
  const finished: Finished[] = [];
  try {
    for (const scenario of chosen) {
      if (values.profile) {
        if (scenario.measures !== "load") throw new Error(`${scenario.name} cannot be profiled: it is no steady load`);
        for (const contestant of contestants) await profileScenario(scenario, contestant, options, console.log);
        continue;
      }
      const results = await runScenario(scenario, contestants, options, console.error);
      compare({ scenario, results }, finished);
      finished.push({ scenario, results });
      console.log(formatTable({ scenario, results }));
      // After each scenario: a run that is broken off keeps what it has.
      if (values.json === undefined && values.html === undefined) continue;
      const record = recordOf(finished, options);
      if (values.json !== undefined) writeText(values.json, `${JSON.stringify(record, null, 1)}\n`);
      if (values.html !== undefined) writeText(values.html, renderPage(record));
    }
  } finally {
    await stopAll();
  }
  return 0;
}

function contestant(wanted: string): Contestant {
  const [label, path] = wanted.split("=", 2) as [string, string?];
  const [name, tag] = label.split("@") as [string, string?];
  const server = servers.find((candidate) => candidate.name === name);
  if (server === undefined) throw new Error(`no server is named ${name}; --list shows them`);
  if (path === undefined) return { label, server, program: server.find() };
  const program = existsSync(path) && statSync(path).isDirectory() ? join(path, "bin/weftdns") : path;
  return {
    label: tag === undefined ? wanted : label,
    server,
    program: existsSync(program) ? resolve(program) : undefined,
  };
}

function between(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!(value >= least && value <= most))
    throw new Error(`--${name} is ${text}, expected a number from ${least} to ${most}`);
  return value;
}
