/** The scripted servers that a case's Corefile forwards to: `Upstream` in case.ts, put to life on one port, UDP and TCP. */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { nameToText } from "../../src/dns/name-text.ts";
import { Class, className, rcodeNumber, typeName } from "../../src/dns/types.ts";
import { flagBits, fromHex, optWire, questionWire, randomId, recordWire } from "../support/wire.ts";
import type { Upstream, UpstreamReply, UpstreamRule } from "./case.ts";

const HEADER_SIZE = 12;
type Over = "udp" | "tcp";

export class ScriptedUpstream {
  readonly name: string;
  readonly port: number;
  /** A line for each query, as `ParityCase.asked` describes them. */
  readonly asked: string[] = [];
  readonly #rules: readonly UpstreamRule[];
  readonly #left: number[];
  #udp: UdpSocket | undefined;
  #tcp: Server | undefined;
  readonly #connections = new Set<Socket>();

  constructor(name: string, script: Upstream, port: number) {
    this.name = name;
    this.port = port;
    this.#rules = script.rules;
    this.#left = script.rules.map((rule) => rule.times ?? Number.POSITIVE_INFINITY);
  }

  async start(): Promise<void> {
    if (this.#udp) return;
    const udp = createSocket("udp4");
    const tcp = createServer((connection) => this.#serve(connection));
    this.#udp = udp;
    this.#tcp = tcp;
    udp.on("message", (query, peer) => {
      this.#answer(query, "udp", (reply) => {
        if (reply && this.#udp === udp) udp.send(reply, peer.port, peer.address);
      });
    });
    await Promise.all([
      new Promise<void>((resolve, reject) => void udp.once("error", reject).bind(this.port, "127.0.0.1", resolve)),
      new Promise<void>((resolve, reject) => void tcp.once("error", reject).listen(this.port, "127.0.0.1", resolve)),
    ]);
  }

  async stop(): Promise<void> {
    const [udp, tcp] = [this.#udp, this.#tcp];
    this.#udp = undefined;
    this.#tcp = undefined;
    for (const connection of this.#connections) connection.destroy();
    await Promise.all([
      udp && new Promise<void>((resolve) => udp.close(resolve)),
      tcp && new Promise((resolve) => tcp.close(resolve)),
    ]);
  }

  #serve(connection: Socket): void {
    this.#connections.add(connection);
    let received = Buffer.alloc(0);
    connection.on("error", () => connection.destroy());
    connection.on("close", () => this.#connections.delete(connection));
    connection.on("data", (data: Buffer) => {
      received = Buffer.concat([received, data]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE()) {
        const length = received.readUInt16BE();
        this.#answer(received.subarray(2, 2 + length), "tcp", (reply) => {
          if (!reply) return connection.destroy();
          const size = Buffer.alloc(2);
          size.writeUInt16BE(reply.length);
          return connection.write(Buffer.concat([size, reply]));
        });
        received = received.subarray(2 + length);
      }
    });
  }

  /** `send` without a message ends the connection. */
  #answer(query: Buffer, over: Over, send: (reply?: Buffer) => void): void {
    const question = readQuestion(query);
    if (!question) return;
    this.asked.push(`${this.name} ${over} ${question.ask} ${flagText(query, question.end)}`.trim());
    const index = this.#rules.findIndex((rule, i) => this.#left[i]! > 0 && fits(rule, question.ask, over));
    if (index >= 0) this.#left[index]!--;
    const replies = this.#rules[index]?.replies ?? [{ rcode: "REFUSED", flags: "qr rd" }];
    let delayMs = 0;
    for (const reply of replies) {
      delayMs += reply.delayMs ?? 0;
      const act = () => send(reply.close ? undefined : build(reply, query, question.end));
      if (delayMs === 0) act();
      else setTimeout(act, delayMs).unref();
    }
  }
}

function readQuestion(query: Buffer): { ask: string; end: number } | undefined {
  if (query.length < HEADER_SIZE + 5 || query.readUInt16BE(4) !== 1) return undefined;
  let at = HEADER_SIZE;
  while (query[at]) at += query[at]! + 1;
  if (at + 5 > query.length) return undefined;
  const [type, klass] = [query.readUInt16BE(at + 1), query.readUInt16BE(at + 3)];
  const suffix = klass === Class.IN ? "" : ` ${className(klass)}`;
  return { ask: `${nameToText(query, HEADER_SIZE)} ${typeName(type)}${suffix}`, end: at + 5 };
}

function fits(rule: UpstreamRule, ask: string, over: Over): boolean {
  if (rule.over !== undefined && rule.over !== over) return false;
  if (rule.when === undefined) return true;
  const [wanted, asked] = [rule.when.toLowerCase(), ask.toLowerCase()];
  return wanted.startsWith("*.") ? asked.endsWith(wanted.slice(1)) : asked === wanted;
}

function flagText(query: Buffer, questionEnd: number): string {
  const word = query.readUInt16BE(2);
  const words = ["qr", "aa", "tc", "rd", "ra", "z", "ad", "cd"].filter((flag) => word & flagBits(flag));
  // A resolver's query has nothing behind its question but an OPT record.
  if (query.readUInt16BE(10) > 0 && query.readUInt16BE(questionEnd + 1) === 41) {
    words.push(`edns=${query.readUInt16BE(questionEnd + 3)}`);
    if (query[questionEnd + 7]! & 0x80) words.push("do");
  }
  return words.join(" ");
}

function build(reply: UpstreamReply, query: Buffer, questionEnd: number): Buffer {
  const id = reply.wrongId ? Buffer.from(Uint16Array.of(randomId()).buffer) : query.subarray(0, 2);
  if (reply.wrongId && id.equals(query.subarray(0, 2))) id[0]! ^= 0xff;
  if (reply.raw !== undefined) return Buffer.concat([id, fromHex(reply.raw)]);
  const sections = [reply.answer ?? [], reply.authority ?? [], reply.additional ?? []];
  const rcode = rcodeNumber(reply.rcode ?? "NOERROR");
  const flags =
    reply.flags === undefined ? flagBits("qr ra") | (query.readUInt16BE(2) & flagBits("rd")) : flagBits(reply.flags);
  const header = Buffer.alloc(10);
  header.writeUInt16BE(flags | (query.readUInt16BE(2) & 0x7800) | (rcode & 15), 0);
  header.writeUInt16BE(reply.question === "none" ? 0 : 1, 2);
  sections.forEach((lines, index) => {
    header.writeUInt16BE(lines.length + (index === 2 && reply.edns ? 1 : 0), 4 + 2 * index);
  });
  const question = reply.question === undefined ? query.subarray(HEADER_SIZE, questionEnd) : askWire(reply.question);
  const opt = reply.edns ? optWire(reply.edns, rcode >> 4) : Buffer.alloc(0);
  const message = Buffer.concat([id, header, question, ...sections.flat().map(recordWire), opt]);
  return message.subarray(0, reply.cutTo ?? message.length);
}

function askWire(ask: string): Buffer {
  return ask === "none" ? Buffer.alloc(0) : questionWire(ask);
}
