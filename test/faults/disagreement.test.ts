/**
 * Row A11: the same changed messages to us and to other servers that answer for the same zone. Where three of the four
 * agree among themselves and we do not, CoreDNS must be on our side, or the reason known.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { readRecord } from "../../src/dns/record.ts";
import { Reading, Request } from "../../src/dns/request.ts";
import { header, opt, question, record } from "../parity/hex.ts";
import { freePorts, TestServer } from "../support/server.ts";
import { encodeQuestion, exchange, fromHex } from "../support/wire.ts";
import { figure, sized } from "./figures.ts";
import { changed, randomFrom } from "./mutate.ts";

const COUNT = sized(600, 50_000);
/** Sent together, then waited for. */
const BATCH = 50;
const BATCH_MS = 250;

const zone = `$TTL 60
@ SOA ns.example.org. host.example.org. 1 60 60 60 60
@ NS ns
ns A 192.0.2.53
www A 192.0.2.1
*.wild A 192.0.2.2
`;

interface Peer {
  readonly name: string;
  readonly command: string;
  readonly arguments: readonly string[];
  /** By file name. */
  readonly files: Readonly<Record<string, string>>;
}

const peersAt = (directory: string, ports: readonly number[]): readonly Peer[] => [
  {
    name: "named",
    command: "named",
    arguments: ["-g", "-n", "1", "-c", "named.conf"],
    files: {
      "named.conf": `options { directory "${directory}"; listen-on port ${ports[0]} { 127.0.0.1; }; listen-on-v6 { none; };
        recursion no; pid-file none; session-keyfile none; dnssec-validation no; minimal-responses yes; };
        controls { }; zone "example.org" { type primary; file "zone"; };`,
    },
  },
  {
    name: "knotd",
    command: "knotd",
    arguments: ["-c", "knot.conf"],
    files: {
      "knot.conf": `server:\n  listen: 127.0.0.1@${ports[1]}\n  rundir: ${directory}/knot\n  udp-workers: 1\n  tcp-workers: 1
database:\n  storage: ${directory}/knot\nlog:\n  - target: stderr\n    any: warning
zone:\n  - domain: example.org\n    file: ${directory}/zone\n    zonefile-load: whole\n    zonefile-sync: -1\n`,
    },
  },
  {
    name: "nsd",
    command: "nsd",
    arguments: ["-d", "-c", "nsd.conf"],
    files: {
      "nsd.conf": `server:\n  ip-address: 127.0.0.1@${ports[2]}\n  server-count: 1\n  username: ""\n  chroot: ""\n  zonesdir: "${directory}"
  database: ""\n  pidfile: ""\n  xfrdfile: ""\n  zonelistfile: "${directory}/nsd.list"\n  rrl-ratelimit: 0\nremote-control:\n  control-enable: no
zone:\n  name: example.org\n  zonefile: zone\n`,
    },
  },
  {
    name: "unbound",
    command: "unbound",
    arguments: ["-d", "-c", "unbound.conf"],
    files: {
      "unbound.conf": `server:\n  interface: 127.0.0.1@${ports[3]}\n  do-daemonize: no\n  username: ""\n  chroot: ""\n  directory: "${directory}"
  pidfile: ""\n  use-syslog: no\n  num-threads: 1\n  module-config: "iterator"\n  access-control: 127.0.0.0/8 allow\nremote-control:\n  control-enable: no
auth-zone:\n  name: "example.org"\n  zonefile: "${directory}/zone"\n  for-downstream: yes\n  for-upstream: no\n`,
    },
  },
  {
    name: "coredns",
    command: "coredns",
    arguments: ["-conf", "Corefile", "-quiet"],
    files: { Corefile: `example.org:${ports[4]} {\n  bind 127.0.0.1\n  file zone\n}\n` },
  },
];

const missing = ["named", "knotd", "nsd", "unbound", "coredns"].filter(
  (program) => spawnSync(program, ["-V"]).error !== undefined,
);

const www = question("www.example.org. A");
const aRecord = record("www.example.org. 60 IN A 192.0.2.1");
const seeds: readonly Buffer[] = [
  encodeQuestion({ ask: "www.example.org. A" }),
  encodeQuestion({ ask: "none.example.org. AAAA", edns: { do: true } }),
  encodeQuestion({ ask: "a.wild.example.org. A", edns: { options: ["10 0102030405060708", "3"] } }),
  fromHex(header("0000", [1, 0, 0, 2]) + www + aRecord + opt()),
  fromHex(header("0100", [1, 1, 0, 0]) + www + aRecord),
];

/** What a server makes of a message: silence, or an rcode; data or none. */
function verdictOf(reply: Buffer | undefined): string {
  if (reply === undefined) return "silence";
  const rcode = reply[3]! & 15;
  // NXDOMAIN, NODATA and data are answers alike: the question was taken.
  if (rcode === 0 || rcode === 3) return "answer";
  return { 1: "FORMERR", 2: "SERVFAIL", 4: "NOTIMP", 5: "REFUSED", 9: "NOTAUTH" }[rcode] ?? `rcode ${rcode}`;
}

/** The replies to `messages`, whose ids are their places. */
async function replies(port: number, messages: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
  const socket = createSocket({ type: "udp4", recvBufferSize: 1 << 20 });
  const found: (Buffer | undefined)[] = messages.map(() => undefined);
  let left = messages.length;
  const all = Promise.withResolvers<void>();
  socket.on("message", (reply) => {
    const id = reply.length < 2 ? -1 : reply.readUInt16BE(0);
    if (found[id] === undefined && id >= 0 && id < found.length && --left === 0) all.resolve();
    if (id >= 0 && id < found.length) found[id] ??= reply;
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  for (const message of messages) socket.send(message, port, "127.0.0.1");
  await Promise.race([all.promise, sleep(BATCH_MS, undefined, { ref: false })]);
  socket.close();
  return found;
}

const request = new Request();

/** Why we differ from CoreDNS as well: rows of docs/differences.md, and what harms nobody. */
function known(message: Buffer): string | undefined {
  const reading = request.read(message, 0, message.length);
  const { questionEnd } = request;
  if (reading === Reading.MALFORMED && questionEnd === 12) {
    for (let at = 12; at < message.length && message[at] !== 0; at += message[at]! + 1) {
      if (message[at]! >= 0xc0) return "a pointer in the question is refused";
    }
  }
  for (let at = questionEnd, next = at; next > 0 && at < message.length; at = next) {
    const record = readRecord(message, at, message.length)?.record;
    next = readRecord(message, at, message.length)?.next ?? 0;
    // RFC 6895 section 3.1: 128 to 255 are for questions, and a few that mean the message itself.
    if (record && record.type >= 128 && record.type < 256) return "a record of a question's type is tolerated";
  }
  return undefined;
}

/** `verdicts`: ours, four others', CoreDNS's. Undefined for a disagreement that nobody has explained. */
function judge(verdicts: readonly string[], message: Buffer): string | undefined {
  const [ours, reference, theirs] = [verdicts[0]!, verdicts.at(-1)!, verdicts.slice(1, -1)];
  const votes = Map.groupBy(theirs, (verdict) => verdict);
  const most = Math.max(...[...votes.values()].map(({ length }) => length));
  if (votes.get(ours)?.length === most) return "we agree with most of the others";
  if (most < 3) return "the others disagree among themselves";
  return ours === reference ? "we agree with CoreDNS only" : known(message);
}

test(`A11: ${COUNT} changed messages to us and to others`, {
  timeout: 600_000,
  skip: missing.length > 0 && `no ${missing.join(", ")}`,
}, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "weftdns-peers-"));
  const ports = await freePorts(5);
  writeFileSync(join(directory, "zone"), `$ORIGIN example.org.\n${zone}`);
  spawnSync("mkdir", [join(directory, "knot")]);
  const children: ChildProcess[] = [];
  t.after(async () => {
    for (const child of children) {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    }
    rmSync(directory, { recursive: true, force: true });
  });
  const peers = peersAt(directory, ports);
  for (const peer of peers) {
    for (const [name, text] of Object.entries(peer.files)) writeFileSync(join(directory, name), text);
    children.push(spawn(peer.command, peer.arguments, { cwd: directory, stdio: "ignore" }));
  }
  const server = await TestServer.start({
    corefile: "example.org:{PORT} {\n  multisocket 1\n  file zone.db\n}\n",
    files: { "zone.db": zone },
  });
  t.after(async () => assert.equal(await server.stop(), 0));
  for (const [i, { name }] of peers.entries()) {
    let up = false;
    for (let tries = 0; tries < 100 && !up; tries++) {
      const reply = await exchange(encodeQuestion({ ask: "www.example.org. A" }), ports[i]!, {}, 100);
      up = reply !== undefined && verdictOf(reply) === "answer";
    }
    assert.ok(up, `${name} did not start`);
  }

  const everybody = [server.port, ...ports];
  const counts = new Map<string, number>();
  const unexplained: string[] = [];
  for (let done = 0; done < COUNT; done += BATCH) {
    const messages = Array.from({ length: BATCH }, (_, i) => {
      const random = randomFrom(done + i + 1);
      let message = changed(seeds[random() % seeds.length]!, random);
      while (message.length < 12) message = changed(seeds[random() % seeds.length]!, random);
      // A reply is nobody's business here, and the id is how we know what is answered.
      message[2] = message[2]! & 0x7f;
      message.writeUInt16BE(i, 0);
      return message;
    });
    const all = await Promise.all(everybody.map((port) => replies(port, messages)));
    for (const [i, message] of messages.entries()) {
      let result = judge(
        all.map((list) => verdictOf(list[i])),
        message,
      );
      if (result === undefined) {
        // Somebody may have been late: once more, alone.
        message.writeUInt16BE(0, 0);
        const again = await Promise.all(everybody.map((port) => replies(port, [message])));
        const verdicts = again.map(([reply]) => verdictOf(reply));
        result = judge(verdicts, message);
        if (result === undefined) unexplained.push(`${verdicts.join(" ")}: ${message.toString("hex")}`);
      }
      if (result !== undefined) counts.set(result, (counts.get(result) ?? 0) + 1);
    }
  }
  figure({ row: "A11", what: "messages", value: COUNT, atLeast: COUNT });
  for (const [what, count] of counts) {
    figure({ row: "A11", what, value: Number(((100 * count) / COUNT).toFixed(2)), unit: "%" });
  }
  assert.ok(counts.get("we agree with most of the others")! > COUNT / 2);
  for (const line of unexplained.slice(0, 20)) t.diagnostic(line);
  figure({ row: "A11", what: "unexplained", value: unexplained.length, atMost: 0 });
});
