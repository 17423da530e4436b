/**
 * The process as the kernel sees it, all its threads together, under the names that all Prometheus clients use. Where there
 * is no /proc there are no such metrics.
 */
import { readdirSync, readFileSync } from "node:fs";

export interface ProcessMetric {
  readonly type: "counter" | "gauge";
  readonly name: string;
  readonly help: string;
  readonly value: number;
}

/** USER_HZ: what /proc counts times in, on all of Linux's platforms (proc(5)). */
const TICKS_PER_SECOND = 100;
/** What Go's collector says for "no limit": the largest 64-bit number. */
const UNLIMITED = 2 ** 64;

export function processMetrics(): ProcessMetric[] {
  const metrics: ProcessMetric[] = [];
  const add = (type: ProcessMetric["type"], name: string, help: string, value: number | undefined) => {
    if (value !== undefined && Number.isFinite(value)) metrics.push({ type, name: `process_${name}`, help, value });
  };
  const stat = parseStat(read("/proc/self/stat"));
  add("counter", "cpu_seconds_total", "Total user and system CPU time spent in seconds.", stat?.cpuSeconds);
  add(
    "gauge",
    "resident_memory_bytes",
    "Resident memory size in bytes.",
    parseKilobytes(read("/proc/self/status"), "VmRSS"),
  );
  add("gauge", "virtual_memory_bytes", "Virtual memory size in bytes.", stat?.virtualBytes);
  const limits = read("/proc/self/limits");
  add(
    "gauge",
    "virtual_memory_max_bytes",
    "Maximum amount of virtual memory available in bytes.",
    parseLimit(limits, "Max address space"),
  );
  add("gauge", "open_fds", "Number of open file descriptors.", countOf("/proc/self/fd"));
  add("gauge", "max_fds", "Maximum number of open file descriptors.", parseLimit(limits, "Max open files"));
  const boot = /^btime (\d+)$/m.exec(bootText())?.[1];
  const started = stat && boot ? Number(boot) + stat.startSeconds : undefined;
  add("gauge", "start_time_seconds", "Start time of the process since unix epoch in seconds.", started);
  const network = parseOctets(read("/proc/self/net/netstat"));
  add(
    "counter",
    "network_receive_bytes_total",
    "Number of bytes received by the process over the network.",
    network?.received,
  );
  add(
    "counter",
    "network_transmit_bytes_total",
    "Number of bytes sent by the process over the network.",
    network?.sent,
  );
  return metrics;
}

/** /proc/stat is long where there are many processors, and the time of the boot does not change. */
function bootText(): string {
  boot ??= /^btime .*$/m.exec(read("/proc/stat"))?.[0] ?? "";
  return boot;
}
let boot: string | undefined;

/** The fields behind the command's name, which may hold blanks and brackets. Numbered from 3 in proc(5). */
export function parseStat(
  text: string,
): { cpuSeconds: number; startSeconds: number; virtualBytes: number } | undefined {
  const end = text.lastIndexOf(")");
  if (end < 0) return undefined;
  const fields = text.slice(end + 2).split(" ");
  const field = (number: number): number => Number(fields[number - 3]);
  return {
    cpuSeconds: (field(14) + field(15)) / TICKS_PER_SECOND,
    startSeconds: field(22) / TICKS_PER_SECOND,
    virtualBytes: field(23),
  };
}

/** A line such as `VmRSS:     1234 kB`. */
export function parseKilobytes(text: string, name: string): number | undefined {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text);
  return found ? Number(found[1]) * 1024 : undefined;
}

/** The soft limit: `Max open files   1024   524288   files`. */
export function parseLimit(text: string, name: string): number | undefined {
  const found = new RegExp(`^${name}\\s+(\\d+|unlimited)\\s`, "m").exec(text);
  if (!found) return undefined;
  return found[1] === "unlimited" ? UNLIMITED : Number(found[1]);
}

/** Names in one line, values in the next, both beginning with `IpExt:`. They are those of the network namespace. */
export function parseOctets(text: string): { received: number; sent: number } | undefined {
  const [names, values] = text
    .split("\n")
    .filter((line) => line.startsWith("IpExt: "))
    .map((line) => line.split(" "));
  if (!names || !values) return undefined;
  return { received: Number(values[names.indexOf("InOctets")]), sent: Number(values[names.indexOf("OutOctets")]) };
}

function countOf(directory: string): number | undefined {
  try {
    return readdirSync(directory).length;
  } catch {
    return undefined;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
