/** Runs inside a network namespace: one scenario against a whole server, and its figures as JSON. */
import { execFileSync } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { scrape } from "../../bench/load/metrics.ts";
import { sleepAwake } from "../support/awake.ts";
import { TestServer } from "../support/server.ts";
import { encodeQuestion } from "../support/wire.ts";
import { Probe } from "./probe.ts";

export interface NamespaceFigures {
  readonly healthyAsked: number;
  readonly healthyLost: number;
  /** Replies that those got who were to get none, or too many for their line. */
  readonly greedyReplies: number;
  /** Replies for which the queue of a full socket had no room. */
  readonly pushedOut: number;
  readonly deaths: number;
  readonly exitCode: number | null;
  readonly residentMib: number;
}

const [scenario, count = "0"] = process.argv.slice(2);
const texts = Array.from({ length: 4 }, (_, i) => `big 60 IN TXT "${String(i).padStart(250, "x")}"`).join("\n");
const server = await TestServer.start({
  corefile: "example.org:{PORT} {\n  multisocket 2\n  prometheus 127.0.0.1:{PORT2}\n  file zone.db\n}\n",
  files: { "zone.db": `@ 60 IN SOA ns host 1 60 60 60 60\n@ 60 IN NS ns\nwww 60 IN A 192.0.2.1\n${texts}\n` },
});
const query = encodeQuestion({ ask: "big.example.org. TXT", edns: { size: 1232 } }, 1);

let greedyReplies = 0;

/** Each asks and closes its port at once, so that the answer finds nobody. */
async function gone(): Promise<void> {
  for (let i = 0; i < Number(count); i++) {
    const socket = createSocket("udp4");
    socket.send(query, server.port, "127.0.0.1", () => socket.close());
    if (i % 20 === 19) await sleep(2);
  }
}

/** The way back to them is forbidden behind their query, so sending fails with EPERM or EACCES. */
async function forbidden(): Promise<void> {
  // The rule stands before the kernel's own table of local addresses, which moves behind it.
  execFileSync("ip", ["rule", "add", "priority", "20", "lookup", "local"]);
  execFileSync("ip", ["rule", "add", "priority", "10", "to", "10.2.2.2", "lookup", "100"]);
  execFileSync("ip", ["rule", "del", "priority", "0"]);
  const socket = createSocket("udp4");
  socket.on("message", () => greedyReplies++);
  socket.bind(0, "10.2.2.2");
  await once(socket, "listening");
  // A socket's way is found per datagram: towards us it is forbidden, away from us it is not.
  execFileSync("ip", ["route", "add", "prohibit", "10.2.2.2/32", "table", "100"]);
  for (let i = 0; i < Number(count); i++) {
    socket.send(query, server.port, "127.0.0.1");
    if (i % 20 === 19) await sleep(2);
  }
  await sleep(200);
  socket.close();
}

/** So many answers find room in the server until the line has carried them. */
const BURST = 500;

async function openGreedy(address: string): Promise<Socket> {
  const socket = createSocket({ type: "udp4", recvBufferSize: 4 << 20 });
  socket.on("message", () => greedyReplies++);
  socket.bind(0, address);
  await once(socket, "listening");
  return socket;
}

/** More than the line carries, in bursts, for a client that does not wait. */
async function slow(): Promise<void> {
  const socket = await openGreedy("127.0.0.1");
  for (let i = 0; i < Number(count); i++) {
    socket.send(query, server.port, "127.0.0.1");
    if (i % 10 === 9) await sleep(4);
    if (i % BURST === BURST - 1) await sleep(400);
  }
  await sleep(1_000);
  socket.close();
}

/** The answers to so many are three times what a line of 10 Mbit/s carries: each takes 1,140 bytes of it. */
const GREEDY_PER_SECOND = 3_300;

/** More than the line carries, all the time, for two clients. */
async function shared(): Promise<void> {
  const sockets = [await openGreedy("127.0.0.2"), await openGreedy("127.0.0.3")];
  const began = performance.now();
  for (let asked = 0; asked < Number(count); await sleep(5)) {
    const due = Math.min(((performance.now() - began) * GREEDY_PER_SECOND) / 1_000, Number(count));
    for (; asked < due; asked++) sockets[asked % sockets.length]!.send(query, server.port, "127.0.0.1");
  }
  await sleep(1_000);
  for (const socket of sockets) socket.close();
}

async function readPushedOut(): Promise<number> {
  const { text = "" } = await scrape(server.port2);
  return Number(/^weftdns_drops_total\{reason="queue_full",stage="send"\} (\d+)/m.exec(text)![1]);
}

const probe = await Probe.start({ port: server.port, perSecond: 100, asks: ["www.example.org. A"] });
await sleepAwake(300);
await { gone, forbidden, slow, shared }[scenario as "gone"]();
await sleepAwake(1_000);
const { asked, lost } = await probe.stop();
const pushedOut = await readPushedOut();
const residentMib = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1]) / 1024;
const deaths = server.lines.filter((line) => /died/.test(line)).length;
const exitCode = await server.stop();
process.stdout.write(
  JSON.stringify({
    healthyAsked: asked,
    healthyLost: lost,
    greedyReplies,
    pushedOut,
    deaths,
    exitCode,
    residentMib,
  } satisfies NamespaceFigures),
);
