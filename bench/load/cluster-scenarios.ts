/** Scenarios with the Corefile that clusters run, kubernetes and all, on a generated cluster (cluster-objects.ts). */
import { bothCores, oneCore } from "./placement.ts";
import type { Goal, Scenario } from "./scenarios.ts";

const cluster = { kind: "cluster", cluster: "asked" } as const;
const found = { rcode: 0, addresses: true };
const asListed = { rcode: 0, addresses: true, listed: true } as const;
const among = ["floor", "weftdns", "coredns"];

export const clusterScenarios: Scenario[] = [
  {
    ...oneCore,
    ...asked("cluster-clusterip", "svc%d", 10_000, 1.25),
    summary: "addresses of 10,000 Services through the stock Corefile with kubernetes, one core",
  },
  {
    ...oneCore,
    ...asked("cluster-headless-3", "three%d", 1_000, 1.25),
    expect: { ...found, endpoints: 3 },
    summary: "addresses of 1,000 headless Services with 3 endpoints each, one core",
  },
  {
    ...oneCore,
    ...asked("cluster-headless-10", "ten%d", 1_000, 1.5),
    expect: { ...found, endpoints: 10 },
    summary: "addresses of 1,000 headless Services with 10 endpoints each, one core",
  },
  {
    ...oneCore,
    ...asked("cluster-srv", "_http._tcp.svc%d", 10_000, 1.25, "SRV"),
    summary: "SRV records of 10,000 Services, each with the address of its target, one core",
  },
  {
    ...oneCore,
    ...asked("cluster-ptr", "", 10_000, 1.25),
    questions: { pattern: "", count: 10_000, order: "uniform", list: "cluster-ptr" },
    expect: asListed,
    summary: "names of the addresses of 10,000 Services, one core",
  },
  {
    ...oneCore,
    ...asked("cluster-nxdomain", "missing%d", 1_000_000, 1.25),
    expect: { rcode: 3, addresses: false },
    summary: "names that the cluster does not have, one core",
  },
  {
    ...oneCore,
    ...asked("cluster-search", "", 10_000, 1.25),
    isPrimed: true,
    questions: { pattern: "", count: 10_000, order: "uniform", list: "cluster-search" },
    expect: asListed,
    summary: "the first four names of an ndots:5 search, A and AAAA, none of which is there, one core",
  },
  {
    ...bothCores(2),
    name: "cluster-sync",
    among: ["weftdns", "coredns"],
    work: { kind: "cluster", cluster: "large", pods: true },
    questions: { pattern: "svc%d.bench.svc.cluster.local", count: 1, order: "uniform" },
    expect: found,
    measures: "sync",
    goal: [
      { figure: "syncMs", atMost: 3_000 },
      { figure: "peakMiB", atMost: 170 },
      { figure: "holdMs", atMost: 50 },
    ],
    summary: "10,000 Services, 100,000 endpoints, 50,000 pods (CoreDNS without them): read, and read again",
  },
  {
    ...bothCores(2),
    name: "cluster-churn",
    among,
    work: { kind: "cluster", cluster: "changing" },
    questions: { pattern: "svc%d.bench.svc.cluster.local", count: 10_000, order: "uniform" },
    expect: found,
    sockets: 128,
    rate: 50_000,
    measures: "churn",
    churnPerSecond: 1_000,
    goal: [
      { figure: "delayP99Ms", atMost: 20 },
      { figure: "wrong", atMost: 0 },
      { figure: "unseen", atMost: 0 },
      { figure: "rssGrowthMiB", atMost: 4 },
    ],
    summary: "1,000 changes a second, 50,000 queries a second for other names: from an event to its answer",
  },
];

function asked(name: string, label: string, count: number, atMost: number, type?: "SRV") {
  const pattern = `${label}.bench.svc.cluster.local`;
  return {
    name,
    among,
    work: cluster,
    questions: { pattern, count, order: "uniform", ...(type && { type }) } as const,
    expect: found,
    goal: [{ figure: "ratio", atMost }] as Goal,
  };
}
