/**
 * The programs of a real cluster, built from their published Go modules: etcd, kube-apiserver, kubectl. They are kept in a
 * cache by the hash of what they are made from. A first build takes five minutes on two cores; run this file to have it
 * done beforehand:
 *
 *     node test/peers/kubernetes/build.ts
 */
import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export interface Programs {
  readonly etcd: string;
  readonly apiserver: string;
  readonly kubectl: string;
}

/** Folders below `programs`. */
const MODULES = ["etcd", "cluster"] as const;

const sources = join(import.meta.dirname, "programs");
/** Not in the checkout: a fresh one, or a fresh node_modules, finds them again. */
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "weftdns-peers");

/** Why the programs cannot be had here; undefined when they can. */
export function whyNot(): string | undefined {
  if (MODULES.every((module) => existsSync(join(directoryOf(module), "complete")))) return undefined;
  if (spawnSync("go", ["version"]).status === 0) return undefined;
  // There it is a promise that they are built.
  if (process.env.CI) throw new Error("go is not installed");
  return "neither the cluster's programs nor go to build them";
}

export async function buildPrograms(): Promise<Programs> {
  mkdirSync(cache, { recursive: true });
  // One behind the other: together they would want the memory of both linkers.
  for (const module of MODULES) await build(module);
  return {
    etcd: join(directoryOf("etcd"), "etcd"),
    apiserver: join(directoryOf("cluster"), "apiserver"),
    kubectl: join(directoryOf("cluster"), "kubectl"),
  };
}

/** Others may want the same at this time: they wait for the lock, and find it done. */
async function build(module: string): Promise<void> {
  const target = directoryOf(module);
  if (existsSync(join(target, "complete"))) return;
  const script = `[ -e "$1/complete" ] || { mkdir -p "$1" && nice go build -trimpath -ldflags="-s -w" -o "$1/" ./... && : > "$1/complete"; }`;
  await promisify(execFile)("flock", [join(cache, "lock"), "sh", "-c", script, "build", target], {
    cwd: join(sources, module),
    env: { ...process.env, CGO_ENABLED: "0" },
  });
}

function directoryOf(module: string): string {
  return join(cache, `${module}-${hashOf(join(sources, module))}`);
}

/** Of names and contents of all files. */
function hashOf(directory: string): string {
  const hash = createHash("sha256");
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const path of files.map((entry) => join(entry.parentPath, entry.name)).sort()) {
    hash.update(path.slice(directory.length)).update("\0").update(readFileSync(path)).update("\0");
  }
  return hash.digest("hex").slice(0, 16);
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(await buildPrograms(), undefined, 2)}\n`);
