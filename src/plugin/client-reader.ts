/**
 * Who asks, where a proxy stands between: a plugin reads it from what the proxy puts before a message (proxyproto). It is
 * done for a whole listener, before the message is read and a block is chosen.
 */
import { ADDRESS_SIZE } from "../transport/packets.ts";

export interface ClientReader {
  /**
   * Looks at what stands before the message in the datagram `bytes[start..start + length)`, which came from the peer
   * in record `index` of `peers`. Fills `client`, and gives how many bytes that is; `Preface.WRONG` when it
   * is to be dropped.
   */
  readDatagram(
    bytes: Uint8Array,
    start: number,
    length: number,
    peers: Uint8Array,
    index: number,
    client: ProxiedClient,
  ): number;
  /**
   * The same for a connection from `peer` that has sent `bytes` so far. `Preface.INCOMPLETE` when more must come before that
   * can be said; `Preface.WRONG` ends the connection.
   */
  readStream(bytes: Uint8Array, peer: Uint8Array, client: ProxiedClient): number;
}

/** What a reader has found. Reused, so it must be cleared first. */
export class ProxiedClient {
  /** Whether `record` says who asks; else it is the peer. */
  isKnown = false;
  /** An address record (packets.ts). */
  readonly record: Uint8Array = new Uint8Array(ADDRESS_SIZE);
  /** A connection's other end as the client sees it, where the proxy says so: "" else. */
  localAddress = "";
  localPort = 0;
  /** What else the proxy says of the connection, in its own form; undefined when that is nothing, or nobody wants to know. */
  extras: Uint8Array | undefined = undefined;

  clear(): void {
    this.isKnown = false;
    this.localAddress = "";
    this.localPort = 0;
    if (this.extras !== undefined) this.extras = undefined;
  }
}
