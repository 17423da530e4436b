/** What is asked of the servers. A scenario's name says what it does; the table in bench/README.md is this list in words. */

export type Work =
  /** Authoritative for example.org with this many hosts. */
  | { kind: "zone"; names: number }
  /** Forwards everything to the upstream of the benchmark, without a cache. */
  | { kind: "forward" };

type Questions = {
  pattern: string;
  count: number;
  order: "uniform" | "zipf" | "sequence";
};

/** What the answers must say, so that a server which refuses quickly cannot win. */
type Expectation = {
  rcode: number;
  /** Every answer holds the address that belongs to the name asked, or no answer holds any. */
  addresses: boolean;
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
  /** Queries per second of the open loop; closed loop without. */
  rate?: number;
  /** `startup` starts the server anew for each run and looks at times and memory; `load` keeps it and looks at CPU. */
  measures: "load" | "startup";
  /** The scenario with one worker that this one is compared with, server by server; it runs before. */
  baseline?: string;
  /** What WeftDNS must reach. */
  goal?: Goal;
};

export type Goal = {
  figure: "ratio" | "scaling" | "shareGap" | "p99Ratio" | "firstAnswerMs" | "rssAfterMiB";
  atMost: number;
}[];

const oneCore = {
  workers: 1,
  serverCores: "0",
  loadCores: "1",
  sockets: 16,
  outstanding: 128,
  measures: "load",
} as const;
/** More sockets: hashes over 16 source ports alone would already make unequal shares. */
const bothCores = (workers: number) =>
  ({
    workers,
    serverCores: "0,1",
    loadCores: "0,1",
    sockets: 32,
    outstanding: 128 * workers,
    measures: "load",
  }) as const;
const scaling: Goal = [
  { figure: "scaling", atMost: 1.1 },
  { figure: "shareGap", atMost: 0.1 },
];
const found = { rcode: 0, addresses: true };
const missing = { rcode: 3, addresses: false };

export const scenarios: Scenario[] = [
  {
    ...oneCore,
    ...zone("zone-1k", 1_000),
    summary: "addresses from a zone of 1,000 names, one core",
    goal: [{ figure: "ratio", atMost: 1.25 }],
  },
  {
    ...oneCore,
    ...zone("zone-100k", 100_000),
    summary: "addresses from a zone of 100,000 names, one core",
    goal: [{ figure: "ratio", atMost: 1.25 }],
  },
  {
    ...oneCore,
    ...zone("zone-1m", 1_000_000),
    summary: "addresses from a zone of 1,000,000 names, one core",
    goal: [{ figure: "ratio", atMost: 1.25 }],
  },
  {
    ...oneCore,
    ...zone("zone-nxdomain", 1_000),
    summary: "names that a zone of 1,000 names does not have, one core",
    questions: { pattern: "missing%d.example.org", count: 1_000_000, order: "uniform" },
    expect: missing,
    goal: [{ figure: "ratio", atMost: 1.25 }],
  },
  {
    ...oneCore,
    name: "forward-misses",
    summary: "names never asked before, through forward to one upstream, one core",
    work: { kind: "forward" },
    questions: { pattern: "host%d.example.org", count: 1 << 24, order: "sequence" },
    expect: found,
    goal: [{ figure: "ratio", atMost: 5 }],
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
];

function zone(name: string, names: number) {
  const questions: Questions = { pattern: "host%d.example.org", count: names, order: "uniform" };
  return { name, work: { kind: "zone", names } as const, questions, expect: found };
}
