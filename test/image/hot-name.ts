/** Run in the network of a container: 80,000 clients ask for one name in four seconds, and its upstream says nothing. */
import { createSocket } from "node:dgram";
import { encodeQuestion } from "../support/wire.ts";

const QUERIES = 80_000;
const PAUSE_MS = 5;
const AT_ONCE = 100;

const upstream = createSocket("udp4").bind(5300, "127.0.0.1");
const sockets = Array.from({ length: 64 }, () => createSocket("udp4"));
const question = encodeQuestion({ ask: "hot.silent.example.org. A" });
let sent = 0;
const timer = setInterval(() => {
  for (let i = 0; i < AT_ONCE; i++) sockets[i % sockets.length]!.send(question, 53, "127.0.0.1");
  sent += AT_ONCE;
  if (sent < QUERIES) return;
  clearInterval(timer);
  for (const socket of [upstream, ...sockets]) socket.close();
}, PAUSE_MS);
