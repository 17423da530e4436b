/**
 * The same Corefile and the same queries on CoreDNS and on ours: the same families, labels, buckets and counts. And what
 * Prometheus itself says of our text, where its promtool is installed.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { get } from "../support/http.ts";
import { freePorts, ourCommand, TestServer } from "../support/server.ts";
import { encodeQuestion, exchange, type Question } from "../support/wire.ts";

const coredns = [
  process.env.COREDNS ?? "",
  ...(process.env.PATH ?? "").split(delimiter).map((directory) => join(directory, "coredns")),
  join(homedir(), "go/bin/coredns"),
].find(isExecutable);
const ours = isExecutable(ourCommand) ? ourCommand : undefined;

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return path.includes("/");
  } catch {
    return false;
  }
}

const COREFILE = `example.org:{PORT} a.example.org:{PORT} 10.0.0.0/15:{PORT2} {
  prometheus 127.0.0.1:{HTTP}
  errors
  whoami
}
acl.test:{PORT} {
  prometheus 127.0.0.1:{HTTP}
  acl {
    drop net 127.0.0.2
    block net 127.0.0.3
    filter net 127.0.0.4
    allow
  }
  erratic {
    drop 0
  }
}
file.test:{PORT} {
  prometheus 127.0.0.1:{HTTP}
  log
  file {DIR}/file.db file.test
}
forward.test:{PORT} {
  prometheus 127.0.0.1:{HTTP}
  forward . 127.0.0.1:1 {
    max_fails 0
  }
}
alone.test:{PORT} {
  prometheus 127.0.0.1:{HTTP}
}
silent.test:{PORT} {
  whoami
}
empty.test:{PORT} {
}
`;

const ZONE = `@ 3600 IN SOA ns.file.test. admin.file.test. 1 2 3 4 5
@ 3600 IN NS ns
ns IN A 192.0.2.1
www IN CNAME host
host IN A 192.0.2.2
host IN A 192.0.2.3
many IN TXT "${"a".repeat(200)}" "${"b".repeat(250)}" "${"c".repeat(250)}"
mx IN MX 10 host
`;

type Asked = Omit<Question, "ask"> & { readonly ask?: string; readonly port?: 2; readonly times?: number };

const QUERIES: readonly Asked[] = [
  { ask: "www.example.org. A", times: 3 },
  { ask: "x.a.example.org. AAAA", over: "tcp" },
  { ask: "www.example.org. TYPE999", to: "::1", edns: { size: 4096, do: true, options: ["10 0102030405060708"] } },
  { ask: "1.0.10.in-addr.arpa. PTR", port: 2 },
  { ask: "1.1.11.in-addr.arpa. PTR", port: 2 },
  { ask: "www.example.org. A", port: 2 },
  ...[
    "A",
    "AAAA",
    "CNAME",
    "DNSKEY",
    "DS",
    "MX",
    "NSEC",
    "NSEC3",
    "NS",
    "PTR",
    "RRSIG",
    "SOA",
    "SRV",
    "TXT",
    "HTTPS",
  ].map((type) => ({ ask: `types.example.org. ${type}` })),
  ...["SVCB", "ANY", "CAA", "HINFO", "NSEC3PARAM", "TYPE0"].map((type) => ({ ask: `types.example.org. ${type}` })),
  { ask: "www.acl.test. A" },
  { ask: "www.acl.test. MX" },
  { ask: "www.acl.test. A", from: "127.0.0.2" },
  { ask: "www.acl.test. A", from: "127.0.0.3" },
  { ask: "www.acl.test. A", from: "127.0.0.4", edns: { size: 700, do: true } },
  { ask: "www.file.test. A" },
  { ask: "WWW.File.test. A", edns: {} },
  { ask: "host.file.test. A", over: "tcp" },
  { ask: "many.file.test. TXT", edns: { size: 1232 } },
  { ask: "many.file.test. TXT" },
  { ask: "mx.file.test. MX" },
  { ask: "nobody.file.test. A" },
  { ask: "host.file.test. AAAA" },
  { ask: "file.test. NS" },
  { ask: "www.forward.test. A", times: 2 },
  { ask: "www.alone.test. A", edns: { do: true } },
  { ask: "www.silent.test. A" },
  { ask: "www.empty.test. A" },
  { ask: "nobody.test. AAAA", edns: { size: 1232, do: true, options: ["10 0102030405060708"] } },
  { ask: "nobody.test. AAAA", to: "::1", over: "tcp" },
  { ask: "version.bind. TXT CH", times: 2 },
  { ask: "www.example.org. A", edns: { version: 1 } },
  { ask: "www.example.org. SOA", opcode: 4 },
  { raw: "0000 0100 0001 0000 0000 0000" },
  { raw: "0000 2900 0001 0000 0000 0000 0161 0474657374 00 0001 0001" },
  { raw: "0000 0100 0001 0000 0000 0000 0161 0474657374 00 0001 00" },
  { raw: "0000 0100 0001 0000 0000 0000 0161 0774797065736164 00 0001 0001 0000000000000000000000" },
  { raw: "0000 0100 0001 0000 0000 0000 0161 0474657374 00" },
];

/** All lines of the text but those that name the program or its process, and the times that queries took. */
async function metricsOf(command: string): Promise<{ lines: string[]; text: string }> {
  const [http] = await freePorts(1);
  const server = await TestServer.start({
    corefile: COREFILE,
    files: { "file.db": ZONE },
    placeholders: { HTTP: String(http) },
    command,
  });
  try {
    for (const { times = 1, port, ...rest } of QUERIES) {
      const question = { ask: "raw. A", ...rest };
      for (let i = 0; i < times; i++)
        await exchange(encodeQuestion(question), port === 2 ? server.port2 : server.port, question, 400);
    }
    await sleep(50);
    const { text } = (await get(http!, "/metrics"))!;
    const lines = text
      .replaceAll(`:${server.port}"`, ':PORT"')
      .replaceAll(`:${server.port2}"`, ':PORT2"')
      .replaceAll(/(duration_seconds_(bucket|sum)\{.*\}) \S+$/gm, "$1 TIME")
      .split("\n")
      .filter((line) => !/^(# (HELP|TYPE) )?(go_|process_|weftdns_|coredns_build_info\{)|^$/.test(line));
    return { lines: lines.sort(), text };
  } finally {
    await server.stop();
  }
}

const isCi = process.env.CI === "true";
const skip = !isCi && ((coredns === undefined && "no coredns") || (ours === undefined && "build it first"));

test("CoreDNS and ours count the same", { skip, timeout: 120_000 }, async () => {
  const [theirs, own] = await Promise.all([metricsOf(coredns!), metricsOf(ours!)]);
  assert.ok(theirs.lines.length > 500, `${theirs.lines.length} lines`);
  const has = (lines: readonly string[]) => new Set(lines);
  const [inTheirs, inOurs] = [has(theirs.lines), has(own.lines)];
  assert.deepEqual(
    {
      missing: theirs.lines.filter((line) => !inOurs.has(line)).slice(0, 40),
      more: own.lines.filter((line) => !inTheirs.has(line)).slice(0, 40),
    },
    { missing: [], more: [] },
  );
  // The process is described in the same words.
  const described = (text: string) => text.split("\n").filter((line) => /^# (HELP|TYPE) process_/.test(line));
  assert.deepEqual(described(own.text), described(theirs.text));
});

const promtool = spawnSync("promtool", ["--version"]).error === undefined;
const skipPromtool = !isCi && ((!promtool && "no promtool") || (ours === undefined && "build it first"));

test("promtool finds nothing in our text", { skip: skipPromtool, timeout: 60_000 }, async () => {
  const { text } = await metricsOf(ours!);
  const said = execFileSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
  assert.equal(said, "");
});
