/**
 * Questions of several kinds at once, as lines of a query file: name, type, and the rcode and number of records that the
 * answer must have. See tools/names.h.
 */
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildDirectory } from "./tools.ts";

export type ListName = "mixed-zone" | "mixed-stock" | "cluster-ptr" | "cluster-search";

const lists: Record<ListName, () => string[]> = {
  /** Of a zone of 1,000 names: addresses, types that a name does not have, names that are not there, the apex. */
  "mixed-zone": () => [
    ...lines(60_000, () => `host${below(1_000)}.example.org A 0 1`),
    ...lines(20_000, () => `host${below(1_000)}.example.org AAAA 0 0`),
    ...lines(15_000, () => `missing${below(100_000)}.example.org A 3 0`),
    ...lines(3_000, () => "example.org NS 0 2"),
    ...lines(2_000, () => "example.org SOA 0 1"),
  ],
  /** What pods ask: known names again and again, AAAA beside A, search domains that lead nowhere, now and then a new name. */
  "mixed-stock": () => [
    ...lines(60_000, () => `host${popular(4_000)}.example.org A 0 1`),
    ...lines(20_000, () => `host${popular(4_000)}.example.org AAAA 0 0`),
    ...lines(15_000, () => `missing${popular(1_000)}.example.org A 3 0`),
    ...lines(5_000, () => "new%d.example.org A 0 1"),
  ],
  /** The addresses of svc0, svc1, ... backwards. */
  "cluster-ptr": () =>
    Array.from({ length: 10_000 }, (_, n) => `${n & 255}.${(n >> 8) & 255}.${n >> 16}.10.in-addr.arpa PTR 0 1`),
  /** What a resolver with ndots:5 asks before the name itself: the pod's namespace, svc, the cluster, the node's domain. */
  "cluster-search": () =>
    lines(10_000, () => {
      const domain = ["bench.svc.cluster.local", "svc.cluster.local", "cluster.local", "missing.example.org"][
        below(4)
      ]!;
      return `missing${popular(1_000)}.www.test.${domain} ${["A", "AAAA"][below(2)]} 3 0`;
    }),
};

export function listFile(name: ListName): string {
  const path = join(buildDirectory, `${name}.queries`);
  if (existsSync(path)) return path;
  mkdirSync(buildDirectory, { recursive: true });
  writeFileSync(`${path}.${process.pid}`, `${lists[name]().join("\n")}\n`);
  renameSync(`${path}.${process.pid}`, path);
  return path;
}

function lines(count: number, line: () => string): string[] {
  return Array.from({ length: count }, line);
}

function below(limit: number): number {
  return Math.floor(Math.random() * limit);
}

/** Zipf's law with exponent 1, nearly: the logarithm of the rank is spread evenly. */
function popular(limit: number): number {
  return Math.floor(limit ** Math.random()) - 1;
}
