/** Against the lines that CoreDNS 1.15.0 writes under the same quota or variable. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fewerText, readGrant, workerCount } from "../../src/supervisor/granted-cpus.ts";

const usable = availableParallelism();
const directory = mkdtempSync(join(tmpdir(), "weftdns-cpus-"));
after(() => rmSync(directory, { recursive: true }));
let made = 0;

/** A directory with these files, `{ROOT}` in their texts put in. */
function tree(files: Readonly<Record<string, string>>): string {
  const root = join(directory, `${made++}`);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text.replaceAll("{ROOT}", root));
  }
  return root;
}

const undefinedLine = `maxprocs: Leaving GOMAXPROCS=${usable}: CPU quota undefined`;
const minimum = "maxprocs: Updating GOMAXPROCS=1: using minimum allowed GOMAXPROCS";
const of = (count: number) => `maxprocs: Updating GOMAXPROCS=${count}: determined from CPU quota`;
const PROC = "22 27 0:21 / /proc rw,relatime - proc proc rw\n";
const v1 = (root: string, at: string) => `${PROC}32 31 0:29 ${root} {ROOT}${at} rw - cgroup cgroup rw,cpu,cpuacct\n`;
const v2 = (root: string) => `${PROC}41 31 0:38 ${root} {ROOT}/unified rw shared:5 - cgroup2 cgroup2 rw\n`;

for (const { name, files, line } of [
  { name: "no such files", files: {}, line: undefinedLine },
  {
    name: "version 2, in a container",
    files: { cgroup: "0::/\n", mountinfo: v2("/"), "unified/cpu.max": "150000 100000\n" },
    line: of(1),
  },
  {
    name: "version 2, without a limit",
    files: { cgroup: "0::/\n", mountinfo: v2("/"), "unified/cpu.max": "max 100000\n" },
    line: undefinedLine,
  },
  {
    name: "version 2, below the top",
    files: { cgroup: "0::/a.slice/b\n", mountinfo: v2("/"), "unified/a.slice/b/cpu.max": "50000 100000\n" },
    line: minimum,
  },
  {
    name: "version 2, more than there are",
    files: { cgroup: "0::/\n", mountinfo: v2("/"), "unified/cpu.max": "100000000 100000\n" },
    line: of(1_000),
  },
  {
    name: "version 1, in a container: the path counts from the host's top",
    files: {
      cgroup: "9:name=systemd:/\n4:cpu,cpuacct:/kubepods/pod1/c1\n0::/\n",
      mountinfo: v1("/kubepods/pod1/c1", "/cpu,cpuacct"),
      "cpu,cpuacct/cpu.cfs_quota_us": "250000\n",
      "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    },
    line: of(2),
  },
  {
    name: "version 1, a controller of its own",
    files: {
      cgroup: "2:cpuacct:/\n1:cpu:/group\n",
      mountinfo: `${v1("/", "/cpu").replace(",cpuacct", "")}33 31 0:30 / {ROOT}/cpuacct rw - cgroup cgroup rw,cpuacct\n`,
      "cpu/group/cpu.cfs_quota_us": "99000\n",
      "cpu/group/cpu.cfs_period_us": "100000\n",
    },
    line: minimum,
  },
  {
    name: "version 1, without a limit",
    files: {
      cgroup: "4:cpu,cpuacct:/\n",
      mountinfo: v1("/", "/cpu"),
      "cpu/cpu.cfs_quota_us": "-1\n",
      "cpu/cpu.cfs_period_us": "100000\n",
    },
    line: undefinedLine,
  },
  { name: "no file of the group", files: { cgroup: "0::/\n", mountinfo: v2("/") }, line: undefinedLine },
]) {
  test(`granted CPUs: ${name}`, () => {
    const grant = readGrant({}, tree(files));
    assert.equal(grant.line, line);
    const said = Number(/GOMAXPROCS=(\d+)/.exec(line)![1]);
    assert.equal(grant.cpus, Math.min(said, usable));
  });
}

for (const [value, cpus] of [
  ["1", 1],
  ["7", 7],
  ["0", usable],
  ["abc", usable],
  ["", usable],
  ["1.5", usable],
] as const) {
  test(`granted CPUs: GOMAXPROCS="${value}"`, () => {
    const root = tree({ cgroup: "0::/\n", mountinfo: v2("/"), "unified/cpu.max": "50000 100000\n" });
    const line = `maxprocs: Honoring GOMAXPROCS="${value}" as set in environment`;
    assert.deepEqual(readGrant({ GOMAXPROCS: value }, root), { cpus, line });
  });
}

const MIB = 2 ** 20;
for (const { cpus, memory, count, said } of [
  { cpus: 1, memory: Number.POSITIVE_INFINITY, count: 1 },
  { cpus: 64, memory: Number.POSITIVE_INFINITY, count: 4 },
  { cpus: 64, memory: 256 * MIB, count: 4 },
  { cpus: 2, memory: 170 * MIB, count: 2 },
  { cpus: 3, memory: 170 * MIB, count: 2, said: "2 of 3 workers, as there are 170 MiB of memory" },
  { cpus: 64, memory: 32 * MIB, count: 1, said: "1 of 4 workers, as there are 32 MiB of memory" },
]) {
  test(`${cpus} CPUs and ${memory / MIB} MiB: ${count} workers`, () => {
    assert.deepEqual([workerCount(cpus, memory), fewerText(cpus, memory)?.split(":")[0]], [count, said]);
  });
}
