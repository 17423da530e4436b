/** Many clients at once: each query goes out as it is, and every reply that comes is kept, also a second one. */
import { createSocket, type Socket } from "node:dgram";
import { awakeNow } from "./awake.ts";

export interface SentQuery {
  readonly bytes: Buffer;
  /** The client's address, and which of its sockets sends; 127.0.0.1 and the first when absent. */
  readonly from?: string;
  readonly socket?: number;
}

export interface Fate {
  readonly query: SentQuery;
  /** With the query's id, on the socket that asked; `ms` is without pauses of the machine. */
  readonly replies: readonly { readonly bytes: Buffer; readonly ms: number }[];
}

export interface CrowdOptions {
  readonly port: number;
  /** How long to wait for replies behind the last query; ends at once when each query has one, and then `lingerMs` for more. */
  readonly waitMs: number;
  readonly lingerMs?: number;
  /** Queries a second; all at once when absent. */
  readonly rate?: number;
}

/** Room for some thousand replies that a server sends at once. */
const RECEIVE_BUFFER = 4 << 20;

/** Two queries of one socket must not have the same id. */
export async function askAll(queries: readonly SentQuery[], options: CrowdOptions): Promise<Fate[]> {
  const sockets = new Map<string, Socket>();
  const waiting = new Map<string, { replies: { bytes: Buffer; ms: number }[]; sentAt: number }>();
  let unanswered = queries.length;
  const allAnswered = Promise.withResolvers<void>();

  const open = async (key: string, address: string): Promise<void> => {
    const socket = createSocket({ type: "udp4", recvBufferSize: RECEIVE_BUFFER });
    sockets.set(key, socket);
    socket.on("message", (bytes) => {
      const asked = waiting.get(`${key} ${bytes.readUInt16BE(0)}`);
      if (asked === undefined) return;
      if (asked.replies.length === 0 && --unanswered === 0) allAnswered.resolve();
      asked.replies.push({ bytes, ms: awakeNow() - asked.sentAt });
    });
    await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  };
  for (const { from = "127.0.0.1", socket = 0 } of queries) {
    const key = `${from} ${socket}`;
    if (!sockets.has(key)) await open(key, from);
  }
  const began = performance.now();
  for (const [i, { bytes, from = "127.0.0.1", socket = 0 }] of queries.entries()) {
    const key = `${from} ${socket}`;
    const due = options.rate === undefined ? 0 : began + (1_000 * i) / options.rate;
    while (performance.now() < due)
      await new Promise((resolve) => setTimeout(resolve, Math.max(1, due - performance.now())));
    waiting.set(`${key} ${bytes.readUInt16BE(0)}`, { replies: [], sentAt: awakeNow() });
    sockets.get(key)!.send(bytes, options.port, "127.0.0.1");
    // The server is another process; its queue holds some hundred.
    if (i % 64 === 63) await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.race([allAnswered.promise, new Promise((resolve) => setTimeout(resolve, options.waitMs))]);
  await new Promise((resolve) => setTimeout(resolve, options.lingerMs ?? 0));
  for (const socket of sockets.values()) socket.close();
  return queries.map((query) => {
    const key = `${query.from ?? "127.0.0.1"} ${query.socket ?? 0} ${query.bytes.readUInt16BE(0)}`;
    return { query, replies: waiting.get(key)!.replies };
  });
}
