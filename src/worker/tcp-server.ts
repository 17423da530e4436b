/** Queries over TCP: the same engine, a connection instead of a slot. */
import { allocateBytes } from "../dns/bytes.ts";
import { MAX_REPLY_SIZE } from "../dns/reply.ts";
import { Reading } from "../dns/request.ts";
import { streamedBytes } from "../memory/retire.ts";
import { ProxiedClient } from "../plugin/client-reader.ts";
import { afterWait, type Outcome } from "../plugin/outcome.ts";
import { Transport } from "../plugin/query.ts";
import type { Connection } from "../transport/connection.ts";
import { Preface } from "../transport/preface.ts";
import { type StreamLimits, StreamServer } from "../transport/stream.ts";
import type { StreamMemory } from "../transport/stream-memory.ts";
import type { Engine, Served, ServedQuery } from "./engine.ts";

/** How long a connection may wait for its last answers when its listener closes (behaviour 8: graceful stop). */
const GRACE_MS = 5_000;

export class TcpServer {
  readonly #engine: Engine;
  readonly #server: StreamServer;
  #served: Served;
  /** Replies that are ready at once are made here, and copied by the connection. */
  readonly #room = allocateBytes(MAX_REPLY_SIZE);
  /** What proxies have said of connections. */
  readonly #extras = new WeakMap<Connection, Uint8Array>();

  constructor(engine: Engine, served: Served, memory: StreamMemory, report: (error: Error) => void) {
    this.#engine = engine;
    this.#served = served;
    this.#server = new StreamServer(limitsOf(served), memory, {
      preface: (connection, bytes) => this.#readClient(connection, bytes),
      message: (connection, bytes) => this.#take(connection, bytes),
      error: report,
      refused: () => engine.counters.refused.add(1),
    });
  }

  listen(): Promise<number> {
    return this.#server.listen(this.#served.plan.address, this.#served.plan.port);
  }

  switchTo(served: Served): void {
    this.#served = served;
    this.#server.limit(limitsOf(served));
  }

  close(graceMs: number): Promise<void> {
    return this.#server.close(graceMs);
  }

  /** The same, with the time that clients need who have come already and not asked yet. */
  leave(): Promise<void> {
    return this.#server.close(GRACE_MS, true);
  }

  /** What a proxy has put before the messages of a connection: who has opened it. */
  #readClient(connection: Connection, bytes: Uint8Array): number {
    const { clientReader } = this.#served;
    if (clientReader === undefined) return 0;
    const client = new ProxiedClient();
    const length = clientReader.readStream(bytes, connection.peer, client);
    if (length === Preface.WRONG) this.#engine.counters.badProxyHeader.add(1);
    if (client.isKnown) connection.standFor(client.record, client.localAddress, client.localPort);
    if (client.extras !== undefined) this.#extras.set(connection, client.extras);
    return length;
  }

  #take(connection: Connection, bytes: Uint8Array): void {
    const engine = this.#engine;
    const served = this.#served;
    engine.streamed++;
    const query = engine.acquire();
    query.reply.place(this.#room, 0, MAX_REPLY_SIZE);
    const reading = query.read(bytes, 0, bytes.length);
    query.transport = Transport.TCP;
    query.peers = connection.peer;
    query.peerIndex = 0;
    if (served.clientReader !== undefined) query.extras = this.#extras.get(connection);
    query.localAddress = connection.localAddress;
    query.socketAddress = connection.localAddress;
    query.localPort = connection.localPort;
    query.receivedAt = performance.now();
    if (reading !== Reading.FINE) {
      this.#answer(connection, query, engine.reject(served, query, reading));
      return;
    }
    const outcome = engine.serve(served, query);
    if (typeof outcome === "number") {
      this.#answer(connection, query, engine.finish(query, outcome));
      return;
    }
    query.own();
    engine.enter(served);
    const late = (later: Outcome): Outcome => {
      engine.leave(served);
      // It has had its message and its reply to itself.
      streamedBytes(bytes.length + query.reply.end - query.reply.start);
      this.#answer(connection, query, engine.finish(query, later));
      return later;
    };
    afterWait(outcome, query, late, (error) => late(engine.panic(query, error)));
  }

  #answer(connection: Connection, query: ServedQuery, length: number): void {
    if (length > 0) connection.send(query.reply.bytes, query.reply.start, length);
    this.#engine.release(query);
    this.#server.answered(connection);
  }
}

function limitsOf({ plan }: Served): StreamLimits {
  const { readTimeoutMs, writeTimeoutMs, idleTimeoutMs, maxTcpQueries } = plan;
  return { readTimeoutMs, writeTimeoutMs, idleTimeoutMs, maxQueries: maxTcpQueries };
}
