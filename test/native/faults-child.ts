/** Runs with faults.so preloaded: sends the rounds of each row through a port, and tells what arrived and what was counted. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type OnBatch, PacketCounter, readPort, writeAddress } from "../../src/transport/packets.ts";
import { boundPort, closeFd, createNativePort, openUdp } from "../../src/transport/udp.ts";
import { compose, pause } from "../transport/udp-support.ts";

export interface FaultRow {
  readonly connected: boolean;
  readonly rounds: string[][];
  /** The first round is what onBatch returns. Not on connected sockets, which nobody asks anything. */
  readonly inside?: boolean;
  /** With a second socket in the port, so that an epoll of its own watches both. */
  readonly crowded?: boolean;
  /** Numbers are filled up to so many bytes. */
  readonly size?: number;
  /** Not for the peer at 127.0.0.1: a text that begins with "7@" is for 127.0.0.7, "300@" is for 127.0.1.44. */
  readonly clients?: boolean;
  /** The socket is removed when all is sent or waits. */
  readonly removed?: boolean;
}

export interface FaultResult {
  readonly accepted: number[];
  readonly arrived: string[];
  readonly errors: number[];
  readonly counts: Record<string, number>;
}

async function run({ connected, rounds, inside, crowded, size = 0, clients, removed }: FaultRow): Promise<FaultResult> {
  const errors: number[] = [];
  const accepted: number[] = [];
  let known = false;
  const fill = (text: string) => (/^\d+$/.test(text) ? text.padEnd(size, ".") : text);
  const composeRound = (texts: string[], record: number) =>
    compose(
      port,
      texts.map((text, i) => ({ socket, record: clients ? recordOf(text, i, record) : record, text: fill(text) })),
    );
  const recordOf = (text: string, i: number, record: number) => {
    const client = Number(/^(\d+)@/.exec(text)?.[1] ?? 0);
    if (client === 0) return record;
    const address = Uint8Array.of(127, 0, client >> 8, client & 255);
    writeAddress(port.addresses, port.slotCount + i, address, peer.address().port);
    return port.slotCount + i;
  };
  const onBatch: OnBatch = (count) => {
    for (let slot = 0; slot < count; slot++) if (port.lengths[slot]! < 0) errors.push(port.lengths[slot]!);
    if (known || readPort(port.addresses, 0) === 0) return 0;
    known = true;
    return inside ? composeRound(rounds[0]!, 0) : 0;
  };
  const port = createNativePort({ sendingSize: 2 << 20 }, onBatch);
  const arrived: string[] = [];
  const peer = createSocket({ type: "udp4", recvBufferSize: 8 << 20 });
  peer.on("message", (bytes) => arrived.push(bytes.toString("latin1").replace(/\.+$/, "")));
  // For all clients, so that what they get is seen in its order.
  peer.bind(0);
  await once(peer, "listening");
  const fd = openUdp({ address: "127.0.0.1", port: 0 });
  const socket = connected ? port.connect("127.0.0.1", peer.address().port) : port.add({ address: "", port: 0, fd });
  if (crowded) port.connect("127.0.0.1", peer.address().port);
  // A listener learns whom to send to.
  if (!connected) peer.send("it is me", boundPort(fd), "127.0.0.1");
  while (!connected && !known) await pause(1);
  for (const texts of inside ? rounds.slice(1) : rounds)
    accepted.push(port.send(composeRound(texts, connected ? -1 : 0)));
  if (removed) port.remove(socket);
  // Until every datagram is accounted for; then a moment more for any that should not come.
  const settled = () => {
    const ends = [PacketCounter.SENT, ...lostCounters].map((index) => port.statistics[index]!);
    return ends.reduce((a, b) => a + b) >= rounds.flat().length && arrived.length >= ends[0]!;
  };
  for (let waited = 0; waited < 200 && !settled(); waited++) await pause(10);
  await pause(20);
  port.close();
  peer.close();
  closeFd(fd);
  const counts: Record<string, number> = {};
  for (const [name, index] of Object.entries(PacketCounter).slice(PacketCounter.SENT))
    if (port.statistics[index]) counts[name] = port.statistics[index];
  return { accepted, arrived, errors, counts };
}

const lostCounters = Object.entries(PacketCounter).flatMap(([name, index]) => (name.startsWith("LOST") ? [index] : []));
const rows: FaultRow[] = JSON.parse(readFileSync(0, "utf8"));
const results: FaultResult[] = [];
for (const row of rows) results.push(await run(row));
process.stdout.write(JSON.stringify(results));
