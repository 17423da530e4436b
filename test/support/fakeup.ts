/**
 * fakeup: a server that is asked, and answers whatever a test wants: any bytes, at any time, over UDP and TCP on one
 * port. It keeps every query that it got.
 */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { nameToText } from "../../src/dns/name-text.ts";
import { typeName } from "../../src/dns/types.ts";
import { recordWire } from "./wire.ts";

/** One query at the fakeup, with the means to answer it. */
export interface Asked {
  readonly bytes: Buffer;
  readonly over: "udp" | "tcp";
  /** The client's address and port, and for TCP the number of its connection, counted from 1. */
  readonly address: string;
  readonly port: number;
  readonly connection: number;
  /** As it was written, letters included: `wWw.ExAmple.org. A`. */
  readonly ask: string;
  /** Offset behind the question. */
  readonly questionEnd: number;
  /** Which query this is, counted from 0. */
  readonly number: number;
  /** Sends a message, over TCP with its length before it; any number of times. */
  send(message: Buffer): void;
  /** TCP: sends bytes as they are. */
  sendRaw(bytes: Buffer): void;
  /** TCP: ends the connection, with a reset if wanted. */
  close(reset?: boolean): void;
  /** UDP: sends the message from another socket on this address. */
  sendFrom(address: string, message: Buffer): Promise<void>;
}

/** Room for some thousand queries that a server sends at once. */
const RECEIVE_BUFFER = 4 << 20;

export type Script = (asked: Asked) => void;

export class Fakeup {
  readonly port: number;
  readonly address: string;
  readonly asked: Asked[] = [];
  script: Script;
  readonly #udp: UdpSocket;
  readonly #tcp: Server | undefined;
  readonly #connections = new Set<Socket>();
  #accepted = 0;
  #stopped: Promise<void> | undefined;

  private constructor(udp: UdpSocket, tcp: Server | undefined, script: Script) {
    this.#udp = udp;
    this.#tcp = tcp;
    this.port = udp.address().port;
    this.address = udp.address().address;
    this.script = script;
    udp.on("message", (bytes, from) => this.#receive(bytes, from));
    udp.on("error", () => {});
    tcp?.on("connection", (socket) => this.#accept(socket));
  }

  /** `tcp: false` leaves the port closed for TCP. */
  static async start(
    script: Script = answerAddress,
    { address = "127.0.0.1", port = 0, tcp = true }: { address?: string; port?: number; tcp?: boolean } = {},
  ): Promise<Fakeup> {
    for (;;) {
      const udp = createSocket({ type: address.includes(":") ? "udp6" : "udp4", recvBufferSize: RECEIVE_BUFFER });
      await new Promise<void>((resolve, reject) => udp.once("error", reject).bind(port, address, resolve));
      if (!tcp) return new Fakeup(udp, undefined, script);
      const server = createServer();
      const taken = await new Promise<boolean>((resolve) => {
        server.once("error", () => resolve(true)).listen(udp.address().port, address, () => resolve(false));
      });
      if (!taken) return new Fakeup(udp, server, script);
      udp.close();
      if (port !== 0) throw new Error(`tcp port ${port} is taken`);
    }
  }

  get to(): string {
    return this.address.includes(":") ? `[${this.address}]:${this.port}` : `${this.address}:${this.port}`;
  }

  /** Open TCP connections. */
  get connections(): readonly Socket[] {
    return [...this.#connections];
  }

  /** Connections that there have been. */
  get accepted(): number {
    return this.#accepted;
  }

  asks(over?: "udp" | "tcp"): number {
    return this.asked.filter((asked) => over === undefined || asked.over === over).length;
  }

  /** Closes both ports; may be called again. */
  stop(): Promise<void> {
    this.#stopped ??= this.#close();
    return this.#stopped;
  }

  async #close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await Promise.all([
      new Promise<void>((resolve) => this.#udp.close(() => resolve())),
      this.#tcp && new Promise<void>((resolve) => this.#tcp!.close(() => resolve())),
    ]);
  }

  #receive(bytes: Buffer, from: RemoteInfo): void {
    this.#take({
      bytes,
      over: "udp",
      address: from.address,
      port: from.port,
      connection: 0,
      send: (message) => this.#sendTo(from, message),
      sendRaw: (message) => this.#sendTo(from, message),
      close: () => {},
      sendFrom: async (address, message) => {
        const other = createSocket("udp4");
        await new Promise<void>((resolve) => other.bind(0, address, resolve));
        await new Promise<void>((resolve) => other.send(message, from.port, from.address, () => resolve()));
        other.close();
      },
    });
  }

  /** A script may still send when its test is over. */
  #sendTo(to: RemoteInfo, message: Buffer): void {
    if (this.#stopped === undefined) this.#udp.send(message, to.port, to.address);
  }

  #accept(socket: Socket): void {
    const connection = ++this.#accepted;
    this.#connections.add(socket);
    let received = Buffer.alloc(0);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#connections.delete(socket));
    socket.on("data", (data: Buffer) => {
      received = Buffer.concat([received, data]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE()) {
        const length = received.readUInt16BE();
        const bytes = Buffer.from(received.subarray(2, 2 + length));
        received = received.subarray(2 + length);
        this.#take({
          bytes,
          over: "tcp",
          address: socket.remoteAddress ?? "",
          port: socket.remotePort ?? 0,
          connection,
          send: (message) => void socket.write(framed(message)),
          sendRaw: (raw) => void socket.write(raw),
          close: (reset) => void (reset ? socket.resetAndDestroy() : socket.end()),
          sendFrom: async () => {},
        });
      }
    });
  }

  #take(partial: Omit<Asked, "ask" | "questionEnd" | "number">): void {
    let at = 12;
    while (partial.bytes[at]) at += partial.bytes[at]! + 1;
    const ask = `${nameToText(partial.bytes, 12)} ${typeName(partial.bytes.readUInt16BE(at + 1))}`;
    const asked = { ...partial, ask, questionEnd: at + 5, number: this.asked.length };
    this.asked.push(asked);
    this.script(asked);
  }
}

export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

export interface AnswerFields {
  /** Set beside QR: 0x0200 is TC, 0x0080 RA, 0x0400 AA. */
  readonly flags?: number;
  readonly rcode?: number;
  readonly answer?: readonly string[];
  readonly authority?: readonly string[];
  /** Whole records in wire form behind the answers; counted as additional. */
  readonly opt?: Buffer;
  /** The question's bytes instead of those that were asked. */
  readonly question?: Buffer;
  /** Owners of answers that are `.` become pointers to the question. */
  readonly pointers?: boolean;
}

/** An answer to `asked`: its id, opcode, RD and question, and the given records. */
export function answerTo(asked: Asked, fields: AnswerFields = {}): Buffer {
  const header = Buffer.alloc(12);
  asked.bytes.copy(header, 0, 0, 2);
  const word = asked.bytes.readUInt16BE(2) & 0x7900;
  header.writeUInt16BE(0x8000 | word | (fields.flags ?? 0x0080) | (fields.rcode ?? 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(fields.answer?.length ?? 0, 6);
  header.writeUInt16BE(fields.authority?.length ?? 0, 8);
  header.writeUInt16BE(fields.opt ? 1 : 0, 10);
  const records = [...(fields.answer ?? []), ...(fields.authority ?? [])].map((line) => {
    const wire = recordWire(line);
    return fields.pointers && wire[0] === 0 ? Buffer.concat([Buffer.from([0xc0, 12]), wire.subarray(1)]) : wire;
  });
  const question = fields.question ?? asked.bytes.subarray(12, asked.questionEnd);
  return Buffer.concat([header, question, ...records, fields.opt ?? Buffer.alloc(0)]);
}

/** Answers everything with one address under a pointer to the question. */
export const answerAddress: Script = (asked) => {
  asked.send(answerTo(asked, { answer: [". 60 IN A 192.0.2.1"], pointers: true }));
};

/** Answers nothing. */
export const silent: Script = () => {};
