/** One question to one server, beside all that workers ask: sent once over UDP, and any reply to it will do. */
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { Flag, HEADER_SIZE } from "../dns/header.ts";
import { Class } from "../dns/types.ts";
import { randomWord } from "./random.ts";

export interface AskOptions {
  readonly timeoutMs: number;
  /** The address that it is sent from. */
  readonly source?: string | undefined;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/**
 * Whether a reply to `message` came within the time. The socket is connected: what others send does not count, and where nobody
 * listens that is known at once.
 */
export function askOnce(message: Buffer, address: string, port: number, options: AskOptions): Promise<boolean> {
  const { timeoutMs, source, signal } = options;
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
    const finish = (isAnswered: boolean) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", fail);
      socket.removeAllListeners("message");
      try {
        socket.close();
      } catch {
        // Closed by the error that brought us here.
      }
      resolve(isAnswered);
    };
    const fail = () => finish(false);
    const timer = setTimeout(fail, timeoutMs);
    signal?.addEventListener("abort", fail);
    socket.on("error", fail);
    socket.on("message", (reply) => {
      if (isReplyTo(message, reply)) finish(true);
    });
    const begin = () =>
      socket.connect(port, address, (error?: Error) => {
        if (error) fail();
        else socket.send(message);
      });
    if (source === undefined) begin();
    else socket.bind({ address: source, port: 0 }, begin);
  });
}

/** A query for records of `name` (in wire form), with an id that nobody can guess. */
export function questionMessage(name: Uint8Array, type: number, recursionDesired: boolean): Buffer {
  const message = Buffer.alloc(HEADER_SIZE + name.length + 4);
  message.writeUInt16BE(randomWord() >>> 16, 0);
  message.writeUInt16BE(recursionDesired ? Flag.RD : 0, 2);
  message.writeUInt16BE(1, 4);
  message.set(name, HEADER_SIZE);
  message.writeUInt16BE(type, HEADER_SIZE + name.length);
  message.writeUInt16BE(Class.IN, HEADER_SIZE + name.length + 2);
  return message;
}

export function isReplyTo(message: Buffer, reply: Buffer): boolean {
  if (reply.length < HEADER_SIZE || (reply.readUInt16BE(2) & Flag.QR) === 0) return false;
  return reply.readUInt16BE(0) === message.readUInt16BE(0);
}
