/**
 * One query on its way through the chain: what was asked (as the client wrote it, and as the chain now sees it), who
 * asked over what, and the reply that is being made. Workers reuse a few of these objects; a plugin must not keep one
 * after its handler has given an outcome. A query that waits (its handler gave a promise) owns its bytes until the
 * promise settles: then `bytes` and `start` are others than before, so read them anew behind every `await`.
 *
 * A plugin may ask the rest of the chain something else than it was asked (rewrite): see `replaceMessage`. What stands behind
 * it then sees a query like any other: `bytes` hold the question and the OPT record that the chain asks with, replies repeat
 * that question, keys of caches and names of records follow from it. The plugin puts the message back that it was given, and
 * the reply in order, before the outcome goes on outward; so whoever stands before it (log, metrics) and the server see what
 * the client sent, and the client its own question.
 */
import { allocateBytes, type Bytes, copyBytes, NO_BYTES } from "../dns/bytes.ts";
import { MAX_MESSAGE_SIZE, MAX_UDP_SIZE } from "../dns/header.ts";
import { Reply } from "../dns/reply.ts";
import { Request } from "../dns/request.ts";
import { ADDRESS_SIZE, formatLocalAddress, keepAddress } from "../transport/packets.ts";
import type { Outcome } from "./outcome.ts";
import { OuterMessage, writeMessage } from "./outer-message.ts";

export const Transport = { UDP: 0, TCP: 1, TLS: 2, HTTPS: 3, GRPC: 4, QUIC: 5, HTTPS3: 6 } as const;
export type Transport = (typeof Transport)[keyof typeof Transport];

/** What the socket speaks (behaviour 2.10): QUIC and HTTP/3 run over UDP. */
export function isOverUdp(transport: Transport): boolean {
  return transport === Transport.UDP || transport === Transport.QUIC || transport === Transport.HTTPS3;
}

export function protocolOf({ transport }: Query): "udp" | "tcp" {
  return isOverUdp(transport) ? "udp" : "tcp";
}

/** CoreDNS knows the address that a datagram was sent to only where the listener has no other. */
export function serverAddressOf({ transport, peers, peerIndex, localAddress: bound }: Query): string {
  if (transport === Transport.UDP) return bound === "" ? "::" : bound;
  return formatLocalAddress(peers, peerIndex) || bound;
}

export class Query extends Request {
  readonly reply = new Reply();

  transport: Transport = Transport.UDP;
  /**
   * The client and the address it asked: record number `peerIndex` of `peers`, in the layout that
   * `src/transport/packets.ts` describes. Read it with `readFamily`, `readPort`, `formatAddress` from there.
   */
  peers: Uint8Array = NO_BYTES;
  peerIndex = 0;
  /** What else a proxy has said of the client (`ProxiedClient.extras`). */
  extras: Uint8Array | undefined = undefined;
  /** Milliseconds on the monotonic clock (`performance.now`) when the query's batch arrived. */
  receivedAt = 0;
  /** The client has shown that its address is its own (`cookie`): nobody has forged it to have it flooded with replies. */
  clientIsProven = false;
  /** Address and port of the listener as configured. */
  localAddress = "";
  localPort = 0;
  /** The address of the listener's socket that the query came by: what was asked where the record above does not say so. */
  socketAddress = "";
  /** The zone of the server block that was chosen, in lower-case wire form. */
  zone: Uint8Array = ROOT;

  /** The server block that was chosen; undefined before. */
  block: BlockOfQuery | undefined = undefined;

  /** Why a handler gave an error as its outcome: what the errors plugin prints. */
  error = "";
  /** It failed for want of room. The next one may find room, so nobody keeps that for an answer. */
  isShed = false;
  /** How many look-ups of our own led here: 0 for a client's query. Bounded, so that loops end. */
  depth = 0;
  /**
   * Words that plugins keep between asking the rest of the chain and seeing its reply: `context.slot()` gives an index. What
   * stands there before the plugin writes is left over.
   */
  readonly slots: number[] = [];
  /** Values computed during this query under a label `group/name`, by `setMetadata`. Made only when one is set. */
  metadataValues: Map<string, string> | undefined = undefined;
  /** Asks the server's own routing for another name; set by the server. See `lookup`. */
  resolver: Resolver | undefined = undefined;

  /** What the client says that it takes: `{>bufsize}`. */
  get bufsize(): number {
    return this.transport === Transport.UDP ? this.udpLimit : MAX_MESSAGE_SIZE;
  }

  /** The most bytes that this transport may carry to this client (behaviour 2.9). */
  get sizeLimit(): number {
    return this.transport === Transport.UDP ? Math.min(this.udpLimit, MAX_UDP_SIZE) : MAX_MESSAGE_SIZE;
  }

  /** Gives up with `rcode` (one that the server writes) and says why. Use as `return query.fail(...)`. */
  fail(rcode: Outcome, reason: string): Outcome {
    this.error = reason;
    return rcode;
  }

  /**
   * Asks this server for another name, as if the same client had sent the query: whole chain, all plugins. The result's
   * `reply` holds the answer when its `outcome` is ANSWERED; it stays valid until `release` is called on it, which the
   * caller must do. Beyond the depth limit the outcome is SERVFAIL.
   */
  lookup(name: Uint8Array, type: number): Lookup | Promise<Lookup> {
    if (!this.resolver) throw new Error("a query outside a server has nobody to ask");
    return this.resolver.lookup(this, name, type);
  }

  /**
   * Puts another message in the place of the one that this query came with: it asks for what `name`, `type` and `class` now
   * say, and with `options` (in wire form) its OPT record has these; it gets one when it had none.
   * `restoreMessage` must follow when the rest of the chain is done. In between, another plugin may do the same.
   */
  replaceMessage(options: Uint8Array | undefined): void {
    if (this.#outer.length === this.#replaced) this.#outer.push(new OuterMessage());
    const outer = this.#outer[this.#replaced++]!;
    outer.keep(this);
    writeMessage(this, outer, options);
  }

  /** The message is again what it was before the last `replaceMessage`; so are `name`, `type` and `class`. */
  restoreMessage(): void {
    this.#outer[--this.#replaced]!.giveBack(this);
  }

  /** The message is the client's again: for the server, when a plugin had no chance to restore it. */
  restoreClientMessage(): void {
    while (this.#replaced > 0) this.restoreMessage();
  }

  /**
   * A query of the same question, options and client that nobody waits for: for asking the rest of the chain beside this
   * one. It owns its bytes and its reply. Whoever made it gives it back by `release`, when it has an outcome.
   */
  fork(): Query {
    if (!this.resolver) throw new Error("a query outside a server cannot be repeated");
    return this.resolver.fork(this);
  }

  /** Gives back a query that `fork` made. */
  release(): void {
    this.resolver?.release(this);
  }

  setMetadata(label: string, value: string): void {
    this.metadataValues ??= new Map();
    this.metadataValues.set(label, value);
  }

  /** Forgets what belonged to the query before, and its chain, which may be that of a plan that another follows. */
  reset(): void {
    this.block = undefined;
    this.resolver = undefined;
    this.error = "";
    this.isShed = false;
    this.depth = 0;
    this.clientIsProven = false;
    this.#replaced = 0;
    if (this.metadataValues !== undefined) this.metadataValues = undefined;
    if (this.extras !== undefined) this.extras = undefined;
  }

  /**
   * Makes the query independent of the batch it came with: its bytes, its client's address and what is written of its
   * reply move into buffers of its own, which it keeps for the next time. The server calls it when a handler waits.
   */
  own(): void {
    // A message that has replaced the client's is the query's own already.
    const client = this.#replaced === 0 ? this : this.#outer[0]!;
    if (client.length > this.#ownBytes.length) this.#ownBytes = allocateBytes(roundUp(client.length));
    const own = this.#ownBytes;
    copyBytes(client.bytes, client.start, client.length, own, 0);
    client.bytes = own;
    client.start = 0;
    keepAddress(this.peers, this.peerIndex, this.#room, 0);
    this.peers = this.#room;
    this.peerIndex = 0;
    const reply = this.reply;
    if (reply.length <= OWN_REPLY_SIZE) reply.move(this.#room, ADDRESS_SIZE, ROOM, true);
    else reply.grow(reply.length);
  }

  /** Lets go of what the reply was written into, which may be large, so that the next one begins with nothing. */
  vacate(): void {
    this.reply.place(this.#room, ADDRESS_SIZE, ROOM, true);
  }

  /** What `replaceMessage` has put aside, the client's message first: `#replaced` of them are in use. */
  readonly #outer: OuterMessage[] = [];
  #replaced = 0;
  #ownBytes: Bytes = NO_BYTES;
  /** The client's address record, and behind it the reply. */
  readonly #room: Bytes = allocateBytes(ROOM);
}

/** What the server keeps of the block for the time after the chain. */
export interface BlockOfQuery {
  /** The listener's `server` label. */
  readonly server: string;
  /** `debug`: a throw is not caught, it ends the worker with its stack. */
  readonly debug: boolean;
  readonly stacktrace: boolean;
  /** Counts what the server answers because a handler had a fault; absent when nobody asks for metrics. */
  readonly dropped?: ((query: Query, rcode: Outcome) => void) | undefined;
}

/** A finished look-up of our own. */
export interface Lookup {
  outcome: Outcome;
  reply: Reply;
  error: string;
  release(): void;
}

export interface Resolver {
  lookup(query: Query, name: Uint8Array, type: number): Lookup | Promise<Lookup>;
  fork(query: Query): Query;
  release(query: Query): void;
}

const ROOT = new Uint8Array([0]);
/** Most replies are smaller; a larger one gets another buffer until it has left. */
const OWN_REPLY_SIZE = 1_280;
const ROOM = ADDRESS_SIZE + OWN_REPLY_SIZE;

/** Buffers for requests grow in steps, so that queries of slightly different length do not make new ones each time. */
function roundUp(size: number): number {
  return (size + 127) & ~127;
}
