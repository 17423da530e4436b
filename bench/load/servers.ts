/**
 * The programs under test, one entry each. All are given equal work: the same zone or the same upstream, no log, no rate
 * limit, no cache that the scenario does not name, as many threads as the scenario has workers, on 127.0.0.1.
 */
import { execFileSync } from "node:child_process";
import { accessSync, constants, globSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { corefile } from "./corefile.ts";
import {
  prepareDnsdist,
  prepareDnsmasq,
  prepareKnot,
  prepareKresd,
  prepareNamed,
  prepareNsd,
  prepareRecursor,
  prepareUnbound,
} from "./peers.ts";
import { asksOverTcp, type Scenario, type Work } from "./scenarios.ts";
import { benchDirectory, tool } from "./tools.ts";

export type Setup = {
  /** A directory of its own, empty at start. */
  directory: string;
  port: number;
  work: Work;
  /** Of a zone's records; empty when the work is no zone. */
  zoneFile: string;
  upstreamPort: number;
  /** Of the API server of a cluster; 0 where the work has none. */
  apiPort: number;
  /** Of /metrics, of the health and ready checks, and of a listener that comes and goes. */
  metricsPort: number;
  healthPort: number;
  readyPort: number;
  secondPort: number;
  workers: number;
  /** Bytes of an answer, to which the floor fills up its own; 0 where answers are about as long as queries. */
  replySize: number;
};

export type Command = { program: string; parameters: string[] };

export type Server = {
  name: string;
  /** The unit of the others' figures. It sends back what it gets, so its answers are not checked. */
  isFloor?: boolean;
  kinds: Work["kind"][];
  find: () => string | undefined;
  versionFlag?: string;
  prepare: (program: string, setup: Setup) => Command;
  /** What a reader of the figures must know about this build. */
  warning?: (program: string) => string | undefined;
  /** Why it does not take part in a scenario of its kind. */
  cannot?: (scenario: Scenario) => string | undefined;
};

/** The stock Corefile is measured as clusters run it: one socket, however many cores. */
const prepareCoredns = (program: string, setup: Setup) =>
  corefile(program, setup, { multisocket: setup.workers > 1 && !isStock(setup.work) });
const isStock = ({ kind }: Work) => kind === "stock" || kind === "cluster";
const hasPods = ({ work }: Setup) => work.kind === "cluster" && work.pods === true;
const prepareStockCoredns = (program: string, setup: Setup) =>
  corefile(program, setup, { multisocket: setup.workers > 1, stock: true });
const findCoredns = () => found("coredns", join(homedir(), "go/bin"));

/** A cache that is too small is one of so many entries; these have theirs in bytes. */
const sizedInBytes = ({ work }: Scenario) =>
  work.kind === "stock" && work.cacheEntries !== undefined ? "its cache is sized in bytes, not in entries" : undefined;

const onlyOverUdp = ({ work }: Scenario) =>
  asksOverTcp(work) ? "it cannot be told to ask upstreams over TCP only" : undefined;

export const servers: Server[] = [
  {
    name: "floor",
    isFloor: true,
    kinds: ["zone", "forward", "stock", "cluster"],
    find: () => tool("floor"),
    prepare: (program, { port, workers, replySize }) => ({
      program,
      parameters: ["--port", `${port}`, "--workers", `${workers}`, "--size", `${replySize}`],
    }),
  },
  {
    name: "weftdns",
    kinds: ["zone", "forward", "stock", "cluster"],
    find: () => executable(process.env.WEFTDNS ?? join(benchDirectory, "../bin/weftdns")),
    prepare: (program, setup) => corefile(program, setup, { multisocket: true, verifiedPods: hasPods(setup) }),
    warning: warnOfOldBuild,
  },
  {
    name: "coredns",
    kinds: ["zone", "forward", "stock", "cluster"],
    find: findCoredns,
    versionFlag: "-version",
    prepare: prepareCoredns,
  },
  /** With the plugins of the Corefile that clusters run: what users have today, against the bare work above. */
  {
    name: "coredns-stock",
    kinds: ["zone", "forward"],
    find: findCoredns,
    versionFlag: "-version",
    prepare: prepareStockCoredns,
  },
  { name: "nsd", kinds: ["zone"], find: () => found("nsd"), versionFlag: "-v", prepare: prepareNsd },
  { name: "knotd", kinds: ["zone"], find: () => found("knotd"), versionFlag: "-V", prepare: prepareKnot },
  {
    name: "named",
    kinds: ["zone", "forward", "stock"],
    find: () => found("named"),
    versionFlag: "-v",
    prepare: prepareNamed,
    cannot: sizedInBytes,
  },
  {
    name: "unbound",
    kinds: ["zone", "forward", "stock"],
    find: () => found("unbound"),
    versionFlag: "-V",
    prepare: prepareUnbound,
    cannot: sizedInBytes,
  },
  {
    name: "kresd",
    kinds: ["forward", "stock"],
    find: () => found("kresd"),
    versionFlag: "-V",
    prepare: prepareKresd,
    cannot: sizedInBytes,
  },
  {
    name: "pdns_recursor",
    kinds: ["forward", "stock"],
    find: () => found("pdns_recursor"),
    versionFlag: "--version",
    prepare: prepareRecursor,
    cannot: onlyOverUdp,
  },
  {
    name: "dnsdist",
    kinds: ["forward", "stock"],
    find: () => found("dnsdist"),
    versionFlag: "--version",
    prepare: prepareDnsdist,
  },
  {
    name: "dnsmasq",
    kinds: ["forward", "stock"],
    find: () => found("dnsmasq"),
    versionFlag: "--version",
    prepare: prepareDnsmasq,
    cannot: (scenario) =>
      scenario.transport === "tcp" ? "it ends each connection behind 100 queries" : onlyOverUdp(scenario),
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

/** Named by an environment variable (PDNS_RECURSOR), else on the PATH. Daemons stand in sbin, which is not on everybody's. */
function found(name: string, ...more: string[]): string | undefined {
  const named = process.env[name.toUpperCase()];
  if (named !== undefined) return executable(named);
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
