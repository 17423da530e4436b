/** What processes have used, as /proc tells it: CPU time of a process with its threads and children, memory, and ports. */
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";

/** One tick of utime and stime; Linux shows 100 a second whatever its own clock is. */
const tickNs = 1e7;

export type CpuUsage = {
  /** From utime and stime: knows threads that have ended, but only in ticks of 10 ms. */
  tickedNs: number;
  processes: number;
  /** By thread, from schedstat: exact, but a thread that ends takes its count along. */
  threadNs: Map<number, number>;
};

export function cpuUsage(pid: number): CpuUsage {
  const family = familyOf(pid);
  const usage: CpuUsage = { tickedNs: 0, processes: family.length, threadNs: new Map() };
  for (const process of family) {
    // utime and stime are fields 14 and 15 of proc_pid_stat(5).
    const fields = statFields(process);
    usage.tickedNs += (Number(fields[11]) + Number(fields[12])) * tickNs || 0;
    for (const thread of listNumbers(`/proc/${process}/task`)) {
      const ran = Number(read(`/proc/${process}/task/${thread}/schedstat`).split(" ")[0]);
      if (ran > 0) usage.threadNs.set(thread, ran);
    }
  }
  return usage;
}

/** Nanoseconds of CPU between two readings: exact, unless a thread ended in between and only the ticks know of it. */
export function cpuBetween(before: CpuUsage, after: CpuUsage): number {
  let exact = 0;
  for (const ns of threadShares(before, after)) exact += ns;
  const ticked = after.tickedNs - before.tickedNs;
  const rounding = 2 * tickNs * after.processes;
  return ticked > exact + rounding ? ticked : exact;
}

/** What each thread used between two readings, the busiest first. */
export function threadShares(before: CpuUsage, after: CpuUsage): number[] {
  const shares: number[] = [];
  for (const [thread, ns] of after.threadNs) shares.push(ns - (before.threadNs.get(thread) ?? 0));
  return shares.sort((a, b) => b - a);
}

/**
 * Resident memory in MiB: VmRSS of one process; of several the sum of their proportional shares, as pages that they
 * have in common would count several times.
 */
export function residentMiB(pid: number): number {
  const family = familyOf(pid);
  if (family.length === 1) return field(`/proc/${pid}/status`, "VmRSS") / 1024;
  return family.reduce((sum, process) => sum + field(`/proc/${process}/smaps_rollup`, "Pss"), 0) / 1024;
}

/** The most that was resident of one process, in MiB, since it began or since `forgetPeak`. */
export function peakMiB(pid: number): number {
  return field(`/proc/${pid}/status`, "VmHWM") / 1024;
}

export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5"); // proc_pid_clear_refs(5)
}

/** Whether every UDP socket of this port belongs to the process or its children: else others would get part of the load. */
export function ownsPort(pid: number, port: number): boolean {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const inodes = ["/proc/net/udp", "/proc/net/udp6"].flatMap((file) =>
    read(file)
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .flatMap(([, local, , , , , , , , inode]) => (local?.endsWith(suffix) ? `socket:[${inode}]` : [])),
  );
  const own = new Set(familyOf(pid).flatMap((process) => descriptorsOf(process)));
  return inodes.length > 0 && inodes.every((inode) => own.has(inode));
}

function descriptorsOf(process: number): string[] {
  return listNumbers(`/proc/${process}/fd`).flatMap((descriptor) => {
    try {
      return readlinkSync(`/proc/${process}/fd/${descriptor}`);
    } catch {
      return []; // closed in the meantime
    }
  });
}

/** Nanoseconds that all cores together have been busy since the system started, whoever kept them busy. */
export function machineBusyNs(): number {
  const [user, nice, system, , , irq, softirq, steal] = read("/proc/stat")
    .split("\n")[0]!
    .split(/ +/)
    .slice(1)
    .map(Number);
  return (user! + nice! + system! + irq! + softirq! + steal!) * tickNs;
}

/** The process and all that descend from it. */
export function familyOf(pid: number): number[] {
  const parents = new Map(listNumbers("/proc").map((process) => [process, Number(statFields(process)[1])]));
  const family = [pid];
  for (let i = 0; i < family.length; i++) {
    for (const [process, parent] of parents) if (parent === family[i]) family.push(process);
  }
  return family;
}

/** What stands behind the program's name, which may itself hold spaces and parentheses; [0] is the state. */
function statFields(pid: number): string[] {
  const text = read(`/proc/${pid}/stat`);
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

function field(file: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(read(file))?.[1] ?? 0);
}

function listNumbers(directory: string): number[] {
  try {
    return readdirSync(directory).map(Number).filter(Number.isInteger);
  } catch {
    return []; // ended in the meantime
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // ended in the meantime
  }
}
