/** Runs inside a network namespace: one scenario, and its result as JSON. */
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { PacketCounter, writeAddress } from "../../src/transport/packets.ts";
import { boundPort, createNativePort, openUdp } from "../../src/transport/udp.ts";
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
client.on("message", (bytes) => arrived.push(bytes.toString().replace(/\.+$/, "")));
client.bind(0, "127.0.0.1");
await once(client, "listening");

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

await { flood, destinations, sources }[scenario as "flood"]();
server.port.close();
client.close();
const counts = Object.fromEntries(Object.entries(PacketCounter).map(([name, i]) => [name, server.port.statistics[i]!]));
process.stdout.write(JSON.stringify({ arrived, counts } satisfies NamespaceResult));
