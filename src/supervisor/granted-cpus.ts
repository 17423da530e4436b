/**
 * How many CPUs this process was granted: by GOMAXPROCS, as deployments of CoreDNS set it, else by the quota of its control
 * group (a container's limit), else by its affinity. Workers, and what the first line of the log says, follow.
 */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { memoryLimit, workersAtMost } from "../memory/shares.ts";

const MOST_WORKERS = 4;

export interface Grant {
  readonly cpus: number;
  /** The first line of a CoreDNS's output. */
  readonly line: string;
}

/** `proc` is where the files about this process stand. */
export function readGrant(environment: NodeJS.ProcessEnv = process.env, proc = "/proc/self"): Grant {
  const usable = availableParallelism();
  const fixed = environment.GOMAXPROCS;
  if (fixed !== undefined) {
    const count = /^[0-9]{1,9}$/.test(fixed) ? Number(fixed) : 0;
    const line = `maxprocs: Honoring GOMAXPROCS="${fixed}" as set in environment`;
    return { cpus: count > 0 ? count : usable, line };
  }
  const quota = readQuota(proc);
  if (quota === undefined) return { cpus: usable, line: `maxprocs: Leaving GOMAXPROCS=${usable}: CPU quota undefined` };
  const cpus = Math.max(1, Math.floor(quota));
  const reason = quota < 1 ? "using minimum allowed GOMAXPROCS" : "determined from CPU quota";
  return { cpus: Math.min(cpus, usable), line: `maxprocs: Updating GOMAXPROCS=${cpus}: ${reason}` };
}

/** How many workers a server has when its Corefile does not say. */
export function workerCount(cpus: number = readGrant().cpus, memory: number = memoryLimit()): number {
  return Math.min(cpus, MOST_WORKERS, workersAtMost(memory));
}

/** What is to be said when these are fewer than the CPUs allow; undefined when they are not. */
export function fewerText(cpus: number = readGrant().cpus, memory: number = memoryLimit()): string | undefined {
  const count = workerCount(cpus, memory);
  const wanted = workerCount(cpus, Number.POSITIVE_INFINITY);
  if (count === wanted) return undefined;
  const mebibytes = Math.floor(memory / 2 ** 20);
  return `${count} of ${wanted} workers, as there are ${mebibytes} MiB of memory: multisocket may ask for more`;
}

/** CPUs by the quota of the own control group, version 1 or 2; undefined for no limit, or when that cannot be told. */
function readQuota(proc: string): number | undefined {
  try {
    const groups = linesOf(join(proc, "cgroup")).map((line) => /^\d+:([^:]*):(.*)$/.exec(line) ?? ["", "", ""]);
    const mounts = linesOf(join(proc, "mountinfo")).map(readMount);
    const first = groups.find(([, controllers]) => controllers!.split(",").includes("cpu"));
    if (first !== undefined) {
      const mount = mounts.find(({ type, options }) => type === "cgroup" && options.includes("cpu"));
      return (
        mount && ratio([textOf(mount, first[2]!, "cpu.cfs_quota_us"), textOf(mount, first[2]!, "cpu.cfs_period_us")])
      );
    }
    const second = groups.find(([whole, controllers]) => whole !== "" && controllers === "");
    const mount = mounts.find(({ type }) => type === "cgroup2");
    return second && mount && ratio(textOf(mount, second[2]!, "cpu.max").split(" "));
  } catch {
    // No such files: no control group with a limit.
    return undefined;
  }
}

interface Mount {
  /** The group that is mounted. */
  readonly root: string;
  readonly at: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** A line of mountinfo (proc_pid_mountinfo(5)). */
function readMount(line: string): Mount {
  const [before = "", after = ""] = line.split(" - ");
  const [, , , root = "", at = ""] = before.split(" ");
  const [type = "", , options = ""] = after.split(" ");
  return { root, at, type, options: options.split(",") };
}

/** A file of the own group, whose path `group` counts from the top; in a container only what lies below is mounted. */
function textOf({ root, at }: Mount, group: string, file: string): string {
  const isBelow = root === "/" || group === root || group.startsWith(`${root}/`);
  const below = isBelow ? group.slice(root === "/" ? 0 : root.length) : "";
  return readFileSync(join(at, below, file), "utf8").trim();
}

/** Microseconds of CPU in a period, and the period; no limit is `max` or -1. */
function ratio([quota = "", period = ""]: readonly string[]): number | undefined {
  const cpus = Number(quota) / Number(period);
  return cpus > 0 ? cpus : undefined;
}

function linesOf(path: string): string[] {
  return readFileSync(path, "utf8").split("\n").filter(Boolean);
}
