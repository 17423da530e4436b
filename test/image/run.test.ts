/**
 * The built image, run as a cluster runs it: its own user, a read-only root, all capabilities dropped but the one that
 * CoreDNS's Deployment adds, no new privileges, 170 MiB. IMAGE_ROOT is its unpacked root file system and IMAGE_CONFIG what
 * `buildah inspect` says of it: `.ci/image` makes both.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { familyOf } from "../../bench/load/usage.ts";

const root = process.env.IMAGE_ROOT;
const missing = ["crun", "dig", "curl", "ip"].filter((name) => spawnSync("which", [name]).status !== 0);
const skip =
  root === undefined
    ? "IMAGE_ROOT is not set: .ci/image builds one"
    : missing.length > 0
      ? `not installed: ${missing.join(", ")}`
      : false;

/** The limit of CoreDNS's Deployment. */
const MEMORY_LIMIT = 170 * 1024 * 1024;
/** Of the first kind of control groups where there is one, else of the second. */
const MEMORY_GROUPS = existsSync("/sys/fs/cgroup/memory") ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";
const MEMORY_FILE = MEMORY_GROUPS.endsWith("memory") ? "memory.limit_in_bytes" : "memory.max";
const START_MS = 20_000;

const COREFILE = `.:53 {
    errors
    health {
       lameduck 1s
    }
    ready
    hosts {
       192.0.2.80 www.example.org
       fallthrough
    }
    prometheus :9153
    forward silent.example.org 127.0.0.1:5300
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30
    loop
    reload
    loadbalance
}
`;

const NET_BIND = ["CAP_NET_BIND_SERVICE"];

interface Container {
  readonly name: string;
  readonly directory: string;
  readonly process: ChildProcess;
  readonly output: string[];
}

let running: Container[] = [];

/** As on a node that has pulled the image before: the container pays for the pages of the program that it reads. */
function forgetPages(): void {
  const forget = "-type f -size +1M -exec dd if={} iflag=nocache count=0 status=none ;";
  execFileSync("find", [root!, ...forget.split(" ")]);
}

/** A network of its own, so that port 53 is free, and a container in it. */
function start(capabilities: readonly string[], firstOpenPort: number): Container {
  const name = `weft${process.pid}-${running.length}`;
  const directory = mkdtempSync(join(tmpdir(), "weftdns-image-"));
  execFileSync("ip", ["netns", "add", name]);
  execFileSync("ip", ["-n", name, "link", "set", "lo", "up"]);
  const setting = `echo ${firstOpenPort} > /proc/sys/net/ipv4/ip_unprivileged_port_start`;
  execFileSync("ip", ["netns", "exec", name, "sh", "-c", setting]);
  mkdirSync(join(directory, "conf"));
  writeFileSync(join(directory, "conf/Corefile"), COREFILE);
  writeFileSync(join(directory, "resolv.conf"), "nameserver 192.0.2.53\n");
  writeFileSync(join(directory, "config.json"), JSON.stringify(bundle(name, directory, capabilities)));
  // The limit is set here, and crun sees one kind of control groups only: it refuses machines that have both.
  const group = join(MEMORY_GROUPS, name);
  mkdirSync(group);
  writeFileSync(join(group, MEMORY_FILE), String(MEMORY_LIMIT));
  const enter = `echo $$ > ${group}/cgroup.procs && { umount /sys/fs/cgroup/unified 2>&-; true; } &&
    exec crun --cgroup-manager=disabled run --bundle ${directory} ${name}`;
  const child = spawn("unshare", ["--mount", "sh", "-c", enter]);
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream!.on("data", (bytes) => output.push(String(bytes)));
  const container = { name, directory, process: child, output };
  running.push(container);
  return container;
}

/** The runtime specification of the Open Container Initiative, as containerd fills it in for CoreDNS's Deployment. */
function bundle(name: string, directory: string, capabilities: readonly string[]): object {
  const image = JSON.parse(readFileSync(process.env.IMAGE_CONFIG!, "utf8")).OCIv1.config;
  const [uid, gid] = image.User.split(":").map(Number);
  const bind = (source: string, destination: string) => ({
    destination,
    source,
    type: "bind",
    options: ["bind", "ro"],
  });
  return {
    ociVersion: "1.0.2",
    process: {
      args: [...image.Entrypoint, "-conf", "/etc/coredns/Corefile"],
      cwd: image.WorkingDir,
      env: image.Env,
      user: { uid, gid },
      noNewPrivileges: true,
      // None is inheritable or ambient: no container engine sets those.
      capabilities: { bounding: capabilities, permitted: capabilities, effective: capabilities },
    },
    root: { path: root, readonly: true },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      // What the process may have of the machine is read here.
      bind(join(MEMORY_GROUPS, name), MEMORY_GROUPS),
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"] },
      bind(join(directory, "conf"), "/etc/coredns"),
      bind(join(directory, "resolv.conf"), "/etc/resolv.conf"),
    ],
    linux: {
      namespaces: [
        ...["pid", "ipc", "uts", "mount", "cgroup"].map((type) => ({ type })),
        { type: "network", path: `/var/run/netns/${name}` },
      ],
    },
  };
}

function inside(container: Container, ...words: string[]): string {
  const { stdout } = spawnSync("ip", ["netns", "exec", container.name, ...words], { encoding: "utf8" });
  return stdout;
}

async function firstAnswer(container: Container): Promise<number> {
  const from = performance.now();
  while (performance.now() - from < START_MS) {
    const reply = inside(container, "dig", "+short", "+tries=1", "+timeout=1", "@127.0.0.1", "www.example.org", "A");
    if (reply.trim() === "192.0.2.80") return performance.now() - from;
    if (container.process.exitCode !== null) break;
    await sleep(20);
  }
  throw new Error(`no answer; the container printed:\n${container.output.join("")}`);
}

function processId({ name }: Container): number {
  return JSON.parse(execFileSync("crun", ["state", name], { encoding: "utf8" })).pid;
}

/** The server itself, below its parent. */
function serverId(container: Container): number {
  return familyOf(processId(container))[1]!;
}

async function stop({ name, directory, process: child }: Container): Promise<void> {
  if (child.exitCode === null) spawnSync("crun", ["kill", name, "KILL"]);
  spawnSync("crun", ["delete", "--force", name]);
  spawnSync("ip", ["netns", "del", name]);
  rmSync(directory, { recursive: true });
  await removeGroup(join(MEMORY_GROUPS, name));
}

/** A group is busy until the kernel has buried the last of its processes. */
async function removeGroup(path: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      rmdirSync(path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EBUSY" || attempt === 100) throw error;
      await sleep(50);
    }
  }
}

describe("the image, as CoreDNS's Deployment runs it", { skip }, () => {
  let container: Container;
  before(async () => {
    forgetPages();
    container = start(NET_BIND, 1024);
    const ms = await firstAnswer(container);
    console.log(`time to the first answer: ${Math.round(ms)} ms`);
  });
  after(async () => {
    for (const each of running) await stop(each);
    running = [];
  });

  for (const { says, words, answer } of [
    { says: "UDP", words: ["dig", "+short", "@127.0.0.1", "www.example.org"], answer: /^192\.0\.2\.80\n$/ },
    { says: "TCP", words: ["dig", "+tcp", "+short", "@127.0.0.1", "www.example.org"], answer: /^192\.0\.2\.80\n$/ },
    { says: "UDP over IPv6", words: ["dig", "+short", "@::1", "www.example.org"], answer: /^192\.0\.2\.80\n$/ },
    { says: "health", words: ["curl", "-s", "http://127.0.0.1:8080/health"], answer: /^OK$/ },
    { says: "ready", words: ["curl", "-s", "http://127.0.0.1:8181/ready"], answer: /^OK$/ },
    {
      says: "metrics",
      words: ["curl", "-s", "http://127.0.0.1:9153/metrics"],
      answer: /^coredns_dns_requests_total\{.*type="A".*\} [1-9]/m,
    },
  ])
    test(says, () => assert.match(inside(container, ...words), answer));

  test("the addon is in use", () => assert.doesNotMatch(container.output.join(""), /Batched UDP is not available/));

  test("it is nobody, with one capability", () => {
    const status = readFileSync(`/proc/${serverId(container)}/status`, "utf8");
    assert.match(status, /^Uid:\t65532\t65532\t65532\t65532$/m);
    // Bit 10 is CAP_NET_BIND_SERVICE.
    for (const set of ["CapPrm", "CapEff", "CapBnd"]) assert.match(status, new RegExp(`^${set}:\t0{13}400$`, "m"));
    assert.match(status, /^NoNewPrivs:\t1$/m);
  });

  test("it answers within the Deployment's memory", () => {
    const group = join(MEMORY_GROUPS, container.name);
    const names = join(container.directory, "names");
    writeFileSync(names, "www.example.org A\n".repeat(200));
    const answers = inside(container, "dig", "+short", "@127.0.0.1", "-f", names);
    assert.equal(answers, "192.0.2.80\n".repeat(200));
    assert.equal(Number(readFileSync(join(group, MEMORY_FILE), "utf8")), MEMORY_LIMIT);
    const pid = serverId(container);
    assert.ok(readFileSync(join(group, "cgroup.procs"), "utf8").split("\n").includes(String(pid)));
    const resident = Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]);
    console.log(`resident: ${Math.round(resident / 1024)} MiB of ${MEMORY_LIMIT / 1024 / 1024}`);
  });

  for (const { says, program } of [
    { says: "a flood for one name, before an upstream that is silent", program: "hot-name.ts" },
    { says: "floods of five kinds at once", program: "floods.ts" },
  ])
    test(`${says}: it answers within the Deployment's memory`, async () => {
      const pid = serverId(container);
      const parameters = ["netns", "exec", container.name, process.execPath, join(import.meta.dirname, program)];
      const clients = spawn("ip", parameters, { stdio: "inherit" });
      let isOver = false;
      const over = new Promise((resolve) => clients.once("exit", resolve)).finally(() => {
        isOver = true;
      });
      for (let i = 0; i < 6 || !isOver; i++) {
        await sleep(500);
        const reply = inside(container, "dig", "+short", "+tries=1", "+timeout=2", "@127.0.0.1", "www.example.org");
        assert.equal(reply.trim(), "192.0.2.80");
      }
      assert.equal(await over, 0);
      assert.equal(serverId(container), pid, "it is the same process");
    });

  test("killed: it is started again, and what came meanwhile is answered", async () => {
    process.kill(serverId(container), "SIGKILL");
    const from = performance.now();
    const reply = inside(container, "dig", "+short", "+tries=1", "+timeout=5", "@127.0.0.1", "www.example.org");
    assert.equal(reply.trim(), "192.0.2.80");
    console.log(`time to the first answer behind SIGKILL: ${Math.round(performance.now() - from)} ms`);
    const died = /the server died of signal 9 \(Killed\) and is started again/;
    for (let i = 0; i < 100 && !died.test(container.output.join("")); i++) await sleep(50);
    assert.match(container.output.join(""), died);
  });

  test("SIGTERM: it answers through lameduck, and exits with 0", async () => {
    execFileSync("crun", ["kill", container.name, "TERM"]);
    const reply = inside(container, "dig", "+short", "+tries=1", "@127.0.0.1", "www.example.org");
    assert.equal(reply.trim(), "192.0.2.80");
    const code =
      container.process.exitCode ?? (await new Promise((resolve) => container.process.once("exit", resolve)));
    assert.equal(code, 0, container.output.join(""));
  });

  test("without any capability it starts, where ports are open to all", async () => {
    const bare = start([], 0);
    await firstAnswer(bare);
  });

  test("without any capability and with port 53 kept, it says what it was refused", async () => {
    const bare = start([], 1024);
    const code = await new Promise((resolve) => bare.process.once("exit", resolve));
    assert.equal(code, 1);
    assert.match(bare.output.join(""), /cannot listen on udp :53: permission denied/);
  });

  test("the commands are there", () => {
    for (const { words, prints } of [
      { words: ["-version"], prints: /^CoreDNS-.*\n.*WeftDNS-/ },
      { words: ["-plugins"], prints: /^kubernetes$/m },
      { words: ["manifest", "--cluster-ip", "10.0.0.53"], prints: /^ {2}clusterIP: 10\.0\.0\.53$/m },
    ]) {
      const { stdout } = spawnSync("chroot", ["--userspec=65532:65532", root!, "/coredns", ...words], {
        encoding: "utf8",
      });
      assert.match(stdout, prints);
    }
  });
});

test("the image holds no shell, no package manager and no sources", { skip }, () => {
  for (const path of ["bin/sh", "usr/bin/npm", "usr/bin/dpkg", "weftdns/src", "weftdns/node_modules/typescript"]) {
    assert.ok(!existsSync(join(root!, path)), path);
  }
  // What a runtime makes to mount something there is none of the image.
  const own = readdirSync(root!).filter((name) => !["dev", "proc", "sys"].includes(name));
  assert.deepEqual(own.sort(), ["coredns", "etc", "lib", "lib64", "tmp", "weftdns"]);
});
