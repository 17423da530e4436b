/** The thread of udp-native.test.ts: echoes on a socket of the main thread's, and does what `mode` says when told so. */
import { parentPort, workerData } from "node:worker_threads";
import { createNativePort } from "../../src/transport/udp.ts";
import { echo, readSlot } from "./udp-support.ts";

const { fd, mode } = workerData;
if (mode === "throw") process.on("uncaughtException", (error) => parentPort!.postMessage(`caught: ${error.message}`));

const port = createNativePort({}, (count) => {
  if (readSlot(port, 0).text === "throw") throw new Error("thrown on purpose");
  // Ended inside a callback, then.
  while (mode === "stall") {}
  return echo(port, count);
});
port.add({ address: "127.0.0.1", port: 0, fd });
// Upstream sockets as well, so that the inner epoll is there to be given back.
for (let i = 0; i < (mode === "echo" ? 3 : 0); i++) port.connect("127.0.0.1", 9);
parentPort!.postMessage("ready");
