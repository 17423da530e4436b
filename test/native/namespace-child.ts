/** Runs inside a network namespace: one scenario, and its result as JSON. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { parseIpv6 } from "../../src/dns/address.ts";
import { PacketCounter, writeAddress } from "../../src/transport/packets.ts";
import { boundPort, closeFd, createNativePort, openUdp } from "../../src/transport/udp.ts";
import { compose, echo, pause, Recorder } from "../transport/udp-support.ts";

export interface NamespaceResult {
  readonly arrived: string[];
  readonly counts: Record<string, number>;
}

const [scenario, argument = ""] = process.argv.slice(2);
const arrived: string[] = [];
const fd = openUdp({ address: "0.0.0.0", port: 0 });
const server = new Recorder(createNativePort, {}, scenario === "sources" ? echo : () => 0);
server.port.add({ address: "0.0.0.0", port: 0, fd });
const client = createSocket({ type: "udp4", recvBufferSize: 4 << 20 });
receiveFrom(client);
client.bind(0, "127.0.0.1");
await once(client, "listening");

function receiveFrom(socket: Socket): void {
  socket.on("message", (bytes) => arrived.push(bytes.toString().replace(/\.+$/, "")));
}

/** Waits until nothing has come for a while. */
async function silence(): Promise<void> {
  for (let last = -1; last !== arrived.length; await pause(200)) last = arrived.length;
}

/** Replies of 1000 bytes, all in one turn of the event loop. */
async function flood(): Promise<void> {
  writeAddress(server.port.addresses, 0, Uint8Array.of(127, 0, 0, 1), client.address().port);
  const texts = Array.from({ length: Number(argument) }, (_, i) => String(i).padEnd(1000, "."));
  while (texts.length > 0)
    server.port.send(
      compose(
        server.port,
        texts.splice(0, 100).map((text) => ({ socket: 0, record: 0, text })),
      ),
    );
  await silence();
}

/** Three replies for each of some clients, all in the turn in which those for another have made the socket full. */
async function families(): Promise<void> {
  const peer = createSocket({ type: "udp6", recvBufferSize: 4 << 20 });
  receiveFrom(peer);
  peer.bind(0);
  await once(peer, "listening");
  const bothFd = openUdp({ address: "", port: 0 });
  const socket = server.port.add({ address: "", port: 0, fd: bothFd });
  const bytes = new Uint8Array(16);
  [...Array<string>(6).fill("::1"), ...argument.split(",")].forEach((address, record) => {
    assert(parseIpv6(address, bytes, 0));
    writeAddress(server.port.addresses, record, bytes, peer.address().port);
    const texts =
      address === "::1" ? Array<string>(100).fill("x".repeat(1_000)) : ["a", "b", "c"].map((x) => address + x);
    server.port.send(
      compose(
        server.port,
        texts.map((text) => ({ socket, record, text })),
      ),
    );
  });
  await silence();
  peer.close();
  closeFd(bothFd);
}

async function destinations(): Promise<void> {
  const { port } = client.address();
  const { addresses } = server.port;
  writeAddress(addresses, 0, Uint8Array.of(127, 0, 0, 1), port);
  writeAddress(addresses, 1, Uint8Array.of(10, 2, 2, 2), port);
  writeAddress(addresses, 2, Uint8Array.of(10, 3, 3, 3), port);
  const records = [0, 1, 0, 2, 0];
  server.port.send(
    compose(
      server.port,
      records.map((record, i) => ({ socket: 0, record, text: String(i + 1) })),
    ),
  );
  await silence();
}

async function sources(): Promise<void> {
  const port = String(boundPort(fd));
  for (const [address, from] of [
    ["127.0.0.1", "0"],
    ["255.255.255.255", "5353"],
    ["127.255.255.255", "5353"],
  ])
    execFileSync(argument, [address!, from!, "127.0.0.1", port]);
  client.send("good", Number(port), "127.0.0.1");
  await silence();
}

await { flood, families, destinations, sources }[scenario as "flood"]();
server.port.close();
client.close();
const counts = Object.fromEntries(Object.entries(PacketCounter).map(([name, i]) => [name, server.port.statistics[i]!]));
process.stdout.write(JSON.stringify({ arrived, counts } satisfies NamespaceResult));
