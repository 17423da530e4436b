/** What is asked of the servers. A scenario's name says what it does; the table in bench/README.md is this list in words. */
import type { ClusterName } from "./cluster-objects.ts";
import { clusterScenarios } from "./cluster-scenarios.ts";
import type { Overload } from "./overload-run.ts";
import { overloadScenarios } from "./overload-scenarios.ts";
import { bothCores, oneCore } from "./placement.ts";
import type { ListName } from "./questions.ts";

export type Work =
  /** Authoritative for example.org with this many hosts. */
  | { kind: "zone"; names: number; texts?: Texts }
  /** Forwards everything to the upstream of the benchmark, without a cache. */
  | { kind: "forward" }
  /** The Corefile that clusters run, without `kubernetes`, before the upstream of the benchmark. */
  | {
      kind: "stock";
      /** `log` for every query, into a FIFO that `tools/lines.c` reads. */
      log?: true;
      /** A block fault.test whose plugin ends the worker that is asked for crash.fault.test. */
      fault?: true;
      /** The upstream is asked over TCP only, as caches on nodes ask the cluster's DNS. */
      overTcp?: true;
      /** What the cache has room for, about; more than is asked without. */
      cacheEntries?: number;
    }
  /** The same with `kubernetes`, before an API server with a generated cluster. */
  | {
      kind: "cluster";
      cluster: ClusterName;
      /** `pods verified`, of WeftDNS: CoreDNS beside it does without, as the least that it can be asked for. */
      pods?: true;
    };

/** The upstream is asked over TCP only. */
export const asksOverTcp = (work: Work): boolean => work.kind === "stock" && work.overTcp === true;

/** TXT records at each name beside its address, and the bytes of the one string in each. */
export type Texts = { count: number; size: number };

type Questions = {
  pattern: string;
  count: number;
  order: "uniform" | "zipf" | "sequence";
  /** A without. */
  type?: "A" | "TXT" | "SRV";
  /** In the place of all these: questions of several kinds. */
  list?: ListName;
};

/** What the answers must say, so that a server which refuses quickly cannot win. */
type Expectation = {
  rcode: number;
  /** Every answer holds the address that belongs to the name asked, or no answer holds any. */
  addresses: boolean;
  /** So many addresses: of the headless names of the generated cluster, and of what the upstream has many of. */
  endpoints?: number;
  /** The TXT records of the name asked, all of them. */
  texts?: Texts;
  /** Every question has an expectation of its own, in its list. */
  listed?: true;
};

export type Scenario = {
  name: string;
  summary: string;
  work: Work;
  questions: Questions;
  expect: Expectation;
  workers: number;
  /** Cores by number: of the server, and of the load with the upstream. */
  serverCores: string;
  loadCores: string;
  sockets: number;
  /** Queries under way at any time: two full batches, and few enough for a server that keeps the system's receive buffer. */
  outstanding: number;
  /** Every name is asked for once before each window, so that caches have what they can hold, whatever expired. */
  isPrimed?: true;
  /** UDP without. */
  transport?: "tcp";
  /** The payload size in the OPT record of each query; no such record without. */
  edns?: number;
  /** Queries per second of the open loop; closed loop without. */
  rate?: number;
  /** In the place of `rate`: as a share of what the server answers in the closed loop, which is measured first. */
  rateShare?: number;
  /** A query without an answer for so long is lost; one second without. */
  timeoutSeconds?: number;
  /**
   * `load` keeps the server and looks at CPU. `startup` starts it anew for each run and looks at times and memory. `memory`
   * starts it once and looks at what it holds from step to step. `disturbance` has two windows a round, one of which
   * something happens in, and looks at what that does to the clients. `overload` sends more than the server can answer.
   * `sync` looks at how a cluster is read, and `churn` at how its changes become answers.
   */
  measures: "load" | "startup" | "memory" | "disturbance" | "overload" | "sync" | "churn";
  churnPerSecond?: number;
  overload?: Overload;
  disturbance?: DisturbanceName;
  /** The servers that can do it at all; all whose `kinds` have the work without. */
  among?: string[];
  /** The scenario with one worker that this one is compared with, server by server; it runs before. */
  baseline?: string;
  /** What WeftDNS must reach. */
  goal?: Goal;
};

export type DisturbanceName = "reload" | "kill" | "scrape" | "scrape-each-second" | "http" | "stop-reader";

export type Goal = {
  figure:
    | "ratio"
    | "overPeers"
    | "corednsShare"
    | "p999Micros"
    | "scaling"
    | "shareGap"
    | "p99Ratio"
    | "firstAnswerMs"
    | "rssAfterMiB"
    | "rssGrowthMiB"
    | "lost"
    | "lostAtOnce"
    | "p99Change"
    | "linesUncounted"
    | "lostCapacity"
    | "quietLost"
    | "dropsApart"
    | "syncMs"
    | "peakMiB"
    | "holdMs"
    | "delayP99Ms"
    | "wrong"
    | "unseen";
  atMost: number;
}[];

/** CPU per query: near the floor, below every peer that can do the work, and several times CoreDNS's speed. */
const nearFloor: Goal = [
  { figure: "ratio", atMost: 1.1 },
  { figure: "overPeers", atMost: 1 },
  { figure: "corednsShare", atMost: 1 / 5 },
];
const misses: Goal = [
  { figure: "ratio", atMost: 3.5 },
  { figure: "overPeers", atMost: 1 },
  { figure: "corednsShare", atMost: 1 / 4 },
];
const belowPeers: Goal = [{ figure: "overPeers", atMost: 1 }];
const scaling: Goal = [
  { figure: "scaling", atMost: 1.1 },
  { figure: "shareGap", atMost: 0.1 },
];
/** 20,000 queries a second for 5 s, as long as a stub resolver waits, need so many sockets: a thousand are under way on each. */
const steady = { ...bothCores(2), sockets: 128, rate: 20_000, timeoutSeconds: 5, measures: "disturbance" } as const;
/** What has plugins, and metrics. */
const corefileServers = ["floor", "weftdns", "coredns"];
const found = { rcode: 0, addresses: true };
const missing = { rcode: 3, addresses: false };
/** The rcode says nothing where each question of a list has its own; addresses are looked at wherever there is one. */
const asListed = { rcode: 0, addresses: true, listed: true } as const;
/** 1,208 bytes with the question and an OPT record: what just fits into the 1,232 that clients ask for. */
const edgeTexts = { count: 5, size: 219 };
/** 3 kB. */
const longTexts = { count: 12, size: 240 };

export const scenarios: Scenario[] = [
  {
    ...oneCore,
    ...zone("zone-1k", 1_000),
    summary: "addresses from a zone of 1,000 names, one core",
    goal: nearFloor,
  },
  {
    ...oneCore,
    ...zone("zone-100k", 100_000),
    summary: "addresses from a zone of 100,000 names, one core",
    goal: nearFloor,
  },
  {
    ...oneCore,
    ...zone("zone-1m", 1_000_000),
    summary: "addresses from a zone of 1,000,000 names, one core",
    goal: nearFloor,
  },
  {
    ...oneCore,
    ...zone("zone-nxdomain", 1_000),
    summary: "names that a zone of 1,000 names does not have, one core",
    questions: { pattern: "missing%d.example.org", count: 1_000_000, order: "uniform" },
    expect: missing,
    goal: nearFloor,
  },
  {
    ...oneCore,
    ...zone("mixed-zone", 1_000),
    summary: "addresses, no data, no such name and the apex of a zone of 1,000 names, one core",
    questions: { pattern: "", count: 100_000, order: "uniform", list: "mixed-zone" },
    expect: asListed,
    goal: belowPeers,
  },
  {
    ...oneCore,
    ...zone("tcp-zone", 1_000),
    summary: "as zone-1k over 16 TCP connections, 8 queries under way on each, one core",
    transport: "tcp",
    goal: belowPeers,
  },
  {
    ...oneCore,
    ...largeAnswers("large-udp", edgeTexts),
    summary: "answers of 1,208 bytes to clients that take 1,232, from a zone of 1,000 names, one core",
    goal: belowPeers,
  },
  {
    ...oneCore,
    ...largeAnswers("large-tcp", longTexts),
    summary: "answers of 3 kB over TCP from a zone of 1,000 names, one core",
    transport: "tcp",
    goal: belowPeers,
  },
  {
    ...oneCore,
    name: "forward-misses",
    summary: "names never asked before, through forward to one upstream, one core",
    work: { kind: "forward" },
    questions: { pattern: "host%d.example.org", count: 1 << 24, order: "sequence" },
    expect: found,
    goal: misses,
  },
  {
    ...oneCore,
    ...stock("cache-hits-zipf", 10_000, "zipf"),
    isPrimed: true,
    summary: "10,000 names by Zipf's law through the stock Corefile, from the cache, one core",
    goal: nearFloor,
  },
  {
    ...oneCore,
    ...stock("cache-hits-uniform", 10_000),
    isPrimed: true,
    summary: "10,000 names, each as often, through the stock Corefile, from the cache, one core",
    goal: nearFloor,
  },
  {
    ...oneCore,
    ...stock("cache-hits-many", 1_000),
    questions: { pattern: "many%d.example.org", count: 1_000, order: "uniform" },
    expect: { ...found, endpoints: 30 },
    edns: 1_232,
    isPrimed: true,
    summary: "1,000 names with 30 addresses each through the stock Corefile, from the cache, one core",
    goal: belowPeers,
  },
  {
    ...oneCore,
    ...stock("cache-hits-and-more", 100_000, "zipf"),
    work: { kind: "stock", cacheEntries: 10_000 },
    summary: "100,000 names by Zipf's law through the stock Corefile, whose cache has room for a tenth, one core",
    goal: belowPeers,
  },
  {
    ...oneCore,
    ...stock("mixed-stock", 100_000),
    isPrimed: true,
    summary: "hits, no data, no such name, one new name in 20 through the stock Corefile, one core",
    questions: { pattern: "", count: 100_000, order: "uniform", list: "mixed-stock" },
    expect: asListed,
    goal: belowPeers,
  },
  {
    ...oneCore,
    ...stock("tcp-cache-hits", 10_000, "zipf"),
    isPrimed: true,
    summary: "as cache-hits-zipf over 16 TCP connections, 8 queries under way on each, one core",
    transport: "tcp",
    goal: belowPeers,
  },
  {
    ...oneCore,
    ...stock("forward-cache-misses", 1 << 24, "sequence"),
    summary: "names never asked before, through the stock Corefile, one core",
    goal: misses,
  },
  {
    ...oneCore,
    ...stock("forward-tcp-misses", 1 << 24, "sequence"),
    work: { kind: "stock", overTcp: true },
    summary: "as forward-cache-misses, the upstream asked over TCP as by caches on nodes, one core",
    goal: belowPeers,
  },
  {
    ...oneCore,
    ...stock("log-pipe", 10_000, "zipf"),
    isPrimed: true,
    work: { kind: "stock", log: true },
    among: corefileServers,
    summary: "as cache-hits-zipf, and a log line for every query into a pipe, one core",
    goal: [
      { figure: "ratio", atMost: 2 },
      { figure: "linesUncounted", atMost: 0 },
    ],
  },
  {
    ...steady,
    ...stock("log-pipe-stopped", 1_000),
    work: { kind: "stock", log: true },
    disturbance: "stop-reader",
    among: corefileServers,
    summary: "20,000 queries a second, a log line for each, and the reader of the log stops",
    goal: [
      { figure: "lost", atMost: 0 },
      { figure: "linesUncounted", atMost: 0 },
    ],
  },
  {
    ...steady,
    ...stock("reload-under-load", 1_000),
    disturbance: "reload",
    among: corefileServers,
    summary: "20,000 queries a second while a block and its listener are added and taken away, again and again",
    goal: [{ figure: "lost", atMost: 0 }],
  },
  {
    ...steady,
    ...stock("worker-killed-under-load", 1_000),
    work: { kind: "stock", fault: true },
    disturbance: "kill",
    among: ["floor", "weftdns"],
    summary: "20,000 queries a second while one of 2 workers dies of an error",
    // What a worker holds is the batch that it is at.
    goal: [{ figure: "lostAtOnce", atMost: 64 }],
  },
  {
    ...bothCores(2),
    ...stock("scrape-under-load", 1_000),
    measures: "disturbance",
    disturbance: "scrape",
    among: corefileServers,
    summary: "as many queries as it can answer while /metrics is read every 100 ms",
    goal: [
      { figure: "lost", atMost: 0 },
      { figure: "p99Change", atMost: 1.1 },
    ],
  },
  {
    ...steady,
    ...stock("scrape-each-second", 1_000),
    disturbance: "scrape-each-second",
    among: corefileServers,
    summary: "20,000 queries a second while /metrics is read every second",
    goal: [
      { figure: "lost", atMost: 0 },
      { figure: "p99Change", atMost: 1.1 },
    ],
  },
  {
    ...steady,
    ...stock("http-under-load", 1_000),
    disturbance: "http",
    among: corefileServers,
    summary: "20,000 queries a second while autocannon asks /metrics, /health and /ready",
    goal: [{ figure: "lost", atMost: 0 }],
  },
  {
    ...bothCores(2),
    ...stock("cache-overflow", 100_000),
    measures: "memory",
    among: corefileServers,
    summary: "100,000 names through the stock Corefile, whose cache has room for a tenth, 2 workers: memory",
    goal: [
      { figure: "rssAfterMiB", atMost: 120 },
      { figure: "rssGrowthMiB", atMost: 4 },
    ],
  },
  {
    ...bothCores(2),
    ...stock("idle-rss", 10_000),
    measures: "memory",
    among: corefileServers,
    summary: "10,000 names through the stock Corefile, 2 workers: memory before, and after queries",
    goal: [
      { figure: "rssAfterMiB", atMost: 120 },
      { figure: "rssGrowthMiB", atMost: 4 },
    ],
  },
  {
    ...bothCores(1),
    ...zone("zone-1-worker", 1_000),
    summary: "addresses from a zone of 1,000 names, 1 worker, two cores shared with the load",
  },
  {
    ...bothCores(2),
    ...zone("zone-2-workers", 1_000),
    baseline: "zone-1-worker",
    goal: scaling,
    summary: "addresses from a zone of 1,000 names, 2 workers, two cores shared with the load",
  },
  {
    ...bothCores(4),
    ...zone("zone-4-workers", 1_000),
    baseline: "zone-1-worker",
    goal: scaling,
    summary: "addresses from a zone of 1,000 names, 4 workers, two cores shared with the load",
  },
  {
    ...oneCore,
    ...zone("light-load", 1_000),
    summary: "addresses from a zone of 1,000 names, 2,000 queries a second at a fixed pace, one core",
    rate: 2_000,
    goal: [{ figure: "p99Ratio", atMost: 2 }],
  },
  {
    ...oneCore,
    ...zone("half-capacity", 1_000),
    summary: "addresses from a zone of 1,000 names at a fixed pace, half of what the server can do, one core",
    sockets: 256,
    outstanding: 256,
    rateShare: 0.5,
    timeoutSeconds: 0.5,
    goal: [{ figure: "p999Micros", atMost: 1_000 }],
  },
  {
    ...bothCores(2),
    ...zone("startup-1k", 1_000),
    measures: "startup",
    summary: "from exec to the first right answer with a zone of 1,000 names, 2 workers; memory then and after queries",
    goal: [
      { figure: "firstAnswerMs", atMost: 1_000 },
      { figure: "rssAfterMiB", atMost: 110 },
    ],
  },
  {
    ...bothCores(2),
    ...zone("startup-1m", 1_000_000),
    measures: "startup",
    summary:
      "from exec to the first right answer with a zone of 1,000,000 names, 2 workers; memory then and after queries",
    goal: [
      { figure: "firstAnswerMs", atMost: 5_000 },
      { figure: "rssAfterMiB", atMost: 300 },
    ],
  },
  ...overloadScenarios,
  ...clusterScenarios,
];

function zone(name: string, names: number) {
  const questions: Questions = { pattern: "host%d.example.org", count: names, order: "uniform" };
  return { name, work: { kind: "zone", names } as const, questions, expect: found };
}

function largeAnswers(name: string, texts: Texts) {
  return {
    name,
    work: { kind: "zone", names: 1_000, texts } as const,
    questions: { pattern: "host%d.example.org", count: 1_000, order: "uniform", type: "TXT" } as const,
    expect: { rcode: 0, addresses: false, texts },
    edns: 1_232,
  };
}

function stock(name: string, names: number, order: Questions["order"] = "uniform") {
  const questions: Questions = { pattern: "host%d.example.org", count: names, order };
  return { name, work: { kind: "stock" } as Work, questions, expect: found };
}
