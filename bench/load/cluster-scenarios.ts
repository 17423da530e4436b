/** Scenarios with the Corefile that clusters run, kubernetes and all, on a generated cluster (cluster-objects.ts). */
import { oneCore } from "./placement.ts";
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
