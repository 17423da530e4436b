/**
 * The programs under test, one entry each. All are given equal work: the same zone or the same upstream, no log, no rate
 * limit, no cache that the scenario does not name, as many threads as the scenario has workers, UDP on 127.0.0.1.
 */
import { execFileSync } from "node:child_process";
import { accessSync, constants, globSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import type { Work } from "./scenarios.ts";
import { benchDirectory, tool } from "./tools.ts";

export type Setup = {
  /** A directory of its own, empty at start. */
  directory: string;
  port: number;
  work: Work;
  /** Of a zone's records; empty when the work is no zone. */
  zoneFile: string;
  upstreamPort: number;
  /** Of /metrics, of the health and ready checks, and of a listener that comes and goes. */
  metricsPort: number;
  healthPort: number;
  readyPort: number;
  secondPort: number;
  workers: number;
};

type Command = { program: string; parameters: string[] };

export type Server = {
  name: string;
  /** The unit of the others' figures. It sends back what it gets, so its answers are not checked. */
  isFloor?: boolean;
  /** The plugin `prometheus` of the stock Corefile serves /metrics. */
  hasMetrics?: boolean;
  kinds: Work["kind"][];
  find: () => string | undefined;
  versionFlag?: string;
  prepare: (program: string, setup: Setup) => Command;
  /** What a reader of the figures must know about this build. */
  warning?: (program: string) => string | undefined;
};

/**
 * Those of the Corefile in the default deployment that do not change the answers; `cache` joins them before `forward`.
 * `health` there has `lameduck 5s`, by which every server of a benchmark would only end later.
 */
const stockPlugins = ({ healthPort, readyPort, metricsPort }: Setup) => [
  "errors",
  `health 127.0.0.1:${healthPort}`,
  `ready 127.0.0.1:${readyPort}`,
  `prometheus 127.0.0.1:${metricsPort}`,
  "loop",
  "reload",
  "loadbalance",
];

const coredns = {
  find: () => executable(process.env.COREDNS) ?? onPath("coredns", join(homedir(), "go/bin")),
  versionFlag: "-version",
} satisfies Partial<Server>;

/** The stock Corefile is measured as clusters run it: one socket, however many cores. */
const prepareCoredns = (program: string, setup: Setup) =>
  corefile(program, setup, { multisocket: setup.workers > 1 && setup.work.kind !== "stock" });
const prepareStockCoredns = (program: string, setup: Setup) =>
  corefile(program, setup, { multisocket: setup.workers > 1, stock: true });

export const servers: Server[] = [
  {
    name: "floor",
    isFloor: true,
    kinds: ["zone", "forward", "stock"],
    find: () => tool("floor"),
    prepare: (program, { port, workers }) => ({
      program,
      parameters: ["--port", `${port}`, "--workers", `${workers}`],
    }),
  },
  {
    name: "weftdns",
    kinds: ["zone", "forward", "stock"],
    hasMetrics: true,
    find: () => executable(join(benchDirectory, "../bin/weftdns")),
    prepare: (program, setup) => corefile(program, setup, { multisocket: true }),
    warning: warnOfOldBuild,
  },
  { name: "coredns", ...coredns, kinds: ["zone", "forward", "stock"], hasMetrics: true, prepare: prepareCoredns },
  /** With the plugins of the Corefile that clusters run: what users have today, against the bare work above. */
  { name: "coredns-stock", ...coredns, kinds: ["zone", "forward"], prepare: prepareStockCoredns },
  {
    name: "nsd",
    kinds: ["zone"],
    find: () => onPath("nsd"),
    versionFlag: "-v",
    prepare: prepareNsd,
  },
  {
    name: "knotd",
    kinds: ["zone"],
    find: () => onPath("knotd"),
    versionFlag: "-V",
    prepare: prepareKnot,
  },
  {
    name: "unbound",
    kinds: ["zone", "forward", "stock"],
    find: () => onPath("unbound"),
    versionFlag: "-V",
    prepare: prepareUnbound,
  },
];

/** What runs is the compiled tree; a benchmark of yesterday's build has misled people before. */
function warnOfOldBuild(program: string): string | undefined {
  const root = join(dirname(program), "..");
  const built = statSync(join(root, "dist/main.js"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  for (const file of globSync("src/**/*.ts", { cwd: root })) {
    if (statSync(join(root, file)).mtimeMs > built) return `dist is older than ${file}: run npm run build`;
  }
  return undefined;
}

/** The first line that the program says about itself; some say it with a failing exit code. */
export function versionOf(server: Server, program: string): string {
  if (server.versionFlag === undefined) return "";
  let text = "";
  try {
    text = execFileSync(program, [server.versionFlag], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    text = stdout || stderr || "";
  }
  return text.split("\n")[0]!.trim();
}

type CorefileOptions = { multisocket: boolean; stock?: boolean };

function corefile(program: string, setup: Setup, { multisocket, stock }: CorefileOptions): Command {
  const { port, work, zoneFile, upstreamPort } = setup;
  const hasStock = stock || work.kind === "stock";
  const lines: string[] = [];
  if (multisocket) lines.push(`multisocket ${setup.workers}`);
  if (hasStock) lines.push(...stockPlugins(setup));
  if (work.kind === "zone") lines.push(`file ${zoneFile} {`, "  reload 0", "}");
  else if (!hasStock) lines.push(`forward . 127.0.0.1:${upstreamPort}`);
  else lines.push(`forward . 127.0.0.1:${upstreamPort} {`, "  max_concurrent 1000", "}", "cache 30");
  const isStock = work.kind === "stock";
  if (isStock && work.log) lines.push("log");
  let text = corefileBlock(work.kind === "zone" ? `example.org:${port}` : `.:${port}`, lines);
  if (isStock && work.fault) text += corefileBlock(`fault.test:${port}`, [`multisocket ${setup.workers}`, faultPlugin]);
  writeFileSync(corefilePath(setup), text);
  return { program, parameters: ["-conf", corefilePath(setup)] };
}

/** A plugin that does what no plugin should, when a name tells it to. */
const faultPlugin = join(benchDirectory, "../test/support/fault-plugin.ts");

export function corefilePath({ directory }: Setup): string {
  return join(directory, "Corefile");
}

export function corefileBlock(keys: string, lines: string[]): string {
  return `${keys} {\n${["bind 127.0.0.1", ...lines].map((line) => `  ${line}\n`).join("")}}\n`;
}

function prepareNsd(program: string, { directory, port, zoneFile, workers }: Setup): Command {
  const path = join(directory, "nsd.conf");
  writeFileSync(
    path,
    `server:
  ip-address: 127.0.0.1@${port}
  server-count: ${workers}
  reuseport: ${workers > 1 ? "yes" : "no"}
  receive-buffer-size: 4194304
  username: ""
  database: ""
  pidfile: ""
  zonesdir: "${directory}"
  xfrdir: "${directory}"
  xfrdfile: "${directory}/xfrd.state"
  zonelistfile: "${directory}/zone.list"
  logfile: "/dev/null"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: example.org
  zonefile: ${zoneFile}
`,
  );
  return { program, parameters: ["-d", "-c", path] };
}

function prepareKnot(program: string, { directory, port, zoneFile, workers }: Setup): Command {
  const path = join(directory, "knot.conf");
  writeFileSync(
    path,
    `server:
  rundir: "${directory}"
  listen: 127.0.0.1@${port}
  udp-workers: ${workers}
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: error
database:
  storage: "${directory}"
zone:
  - domain: example.org
    file: "${zoneFile}"
    semantic-checks: off
    zonefile-sync: -1
    journal-content: none
`,
  );
  return { program, parameters: ["-c", path] };
}

function prepareUnbound(program: string, { directory, port, work, zoneFile, upstreamPort, workers }: Setup): Command {
  const path = join(directory, "unbound.conf");
  const zone =
    work.kind === "zone"
      ? `auth-zone:
  name: "example.org"
  zonefile: "${zoneFile}"
  for-downstream: yes
  for-upstream: no
  fallback-enabled: no
`
      : `forward-zone:
  name: "."
  forward-addr: 127.0.0.1@${upstreamPort}
`;
  /** Room for more than the working set, and the longest life that `cache 30` gives. */
  const cache = `  msg-cache-size: 64m
  rrset-cache-size: 128m
  cache-max-ttl: 30
`;
  writeFileSync(
    path,
    `server:
  interface: 127.0.0.1@${port}
  num-threads: ${workers}
  so-reuseport: ${workers > 1 ? "yes" : "no"}
  so-rcvbuf: 4m
  outgoing-range: 4096
  num-queries-per-thread: 2048
  module-config: "iterator"
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  chroot: ""
  directory: "${directory}"
  username: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  verbosity: 0
  do-daemonize: no
${work.kind === "stock" ? cache : ""}remote-control:
  control-enable: no
${zone}`,
  );
  return { program, parameters: ["-d", "-c", path] };
}

/** Daemons stand in sbin, which is not on everybody's PATH. */
function onPath(name: string, ...more: string[]): string | undefined {
  const directories = [...(process.env.PATH ?? "").split(delimiter), ...more, "/usr/sbin", "/usr/local/sbin"];
  for (const directory of directories) {
    const program = executable(join(directory, name));
    if (program !== undefined) return program;
  }
  return undefined;
}

function executable(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return undefined;
  }
}
