/** A client that asks over TCP for what is large, again and again, as fast as it is answered, until it is ended. */
import { connect } from "node:net";
import { framed } from "../support/fakeup.ts";
import { encodeQuestion } from "../support/wire.ts";

const CONNECTIONS = 8;
const [port, ask] = process.argv.slice(2);
const asked = Buffer.concat(Array.from({ length: 50 }, () => framed(encodeQuestion({ ask: ask! }, 1))));

for (let i = 0; i < CONNECTIONS; i++) {
  const socket = connect({ port: Number(port), host: "127.0.0.1", localAddress: "127.0.0.5" });
  const spend = () => {
    while (!socket.destroyed && socket.write(asked));
  };
  socket.resume();
  socket.on("error", () => socket.destroy());
  socket.on("drain", spend);
  socket.once("connect", spend);
}
