/** Runs with faults.so preloaded: sends the rounds of each row through a port, and tells what arrived and what was counted. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type OnBatch, PacketCounter, readPort } from "../../src/transport/packets.ts";
import { boundPort, closeFd, createNativePort, openUdp } from "../../src/transport/udp.ts";
import { compose, pause } from "../transport/udp-support.ts";

export interface FaultRow {
  readonly connected: boolean;
  readonly rounds: string[][];
  /** Numbers are filled up to so many bytes. */
  readonly size?: number;
}

export interface FaultResult {
  readonly accepted: number[];
  readonly arrived: string[];
  readonly errors: number[];
  readonly counts: Record<string, number>;
}

async function run({ connected, rounds, size = 0 }: FaultRow): Promise<FaultResult> {
  const errors: number[] = [];
  const onBatch: OnBatch = (count) => {
    for (let slot = 0; slot < count; slot++) if (port.lengths[slot]! < 0) errors.push(port.lengths[slot]!);
    for (let slot = 0; slot < count; slot++) known ||= readPort(port.addresses, slot) > 0;
    return 0;
  };
  let known = false;
  const port = createNativePort({ sendingSize: 2 << 20 }, onBatch);
  const arrived: string[] = [];
  const peer = createSocket({ type: "udp4", recvBufferSize: 8 << 20 });
  peer.on("message", (bytes) => arrived.push(bytes.toString("latin1").replace(/\.+$/, "")));
  peer.bind(0, "127.0.0.1");
  await once(peer, "listening");
  const fd = openUdp({ address: "127.0.0.1", port: 0 });
  const socket = connected ? port.connect("127.0.0.1", peer.address().port) : port.add({ address: "", port: 0, fd });
  // A listener learns whom to send to.
  if (!connected) peer.send("it is me", boundPort(fd), "127.0.0.1");
  while (!connected && !known) await pause(1);
  const record = connected ? -1 : 0;
  const fill = (text: string) => (/^\d/.test(text) ? text.padEnd(size, ".") : text);
  const accepted = rounds.map((texts) =>
    port.send(
      compose(
        port,
        texts.map((text) => ({ socket, record, text: fill(text) })),
      ),
    ),
  );
  await pause(150);
  port.close();
  peer.close();
  closeFd(fd);
  const counts: Record<string, number> = {};
  for (const [name, index] of Object.entries(PacketCounter).slice(PacketCounter.SENT))
    if (port.statistics[index]) counts[name] = port.statistics[index];
  return { accepted, arrived, errors, counts };
}

const rows: FaultRow[] = JSON.parse(readFileSync(0, "utf8"));
const results: FaultResult[] = [];
for (const row of rows) results.push(await run(row));
process.stdout.write(JSON.stringify(results));
