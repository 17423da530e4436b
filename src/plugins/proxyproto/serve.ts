/** The serve half of proxyproto: whose header counts, and what becomes of the others. */
import { endpointText } from "../../corefile/host-port.ts";
import { formatIpv4, formatIpv6 } from "../../dns/address.ts";
import { clockOffset } from "../../memory/clock.ts";
import type { Counter } from "../../memory/counters.ts";
import type { ClientReader, ProxiedClient } from "../../plugin/client-reader.ts";
import type { ServeContext } from "../../plugin/context.ts";
import { hasAddress } from "../../plugin/network-set.ts";
import type { Handler } from "../../plugin/outcome.ts";
import { addressOffset, formatAddress, readFamily, readPort, writeAddress } from "../../transport/packets.ts";
import { Preface } from "../../transport/preface.ts";
import { copyExtras, ProxyHeader, Transport } from "./header.ts";
import type { Policy, ProxyConfig } from "./index.ts";
import { Sessions, type SharedSessions } from "./sessions.ts";

/** A wrong header is shown in the log, but whoever sends one sends many. */
const LOG_EVERY_MS = 1_000;

export function serve(config: ProxyConfig, context: ServeContext): Handler {
  const reader = new HeaderReader(config, context);
  context.readClients(reader);
  if (config.keepsExtras) {
    context.provideMetadata("proxyproto/tlv", ({ extras }) =>
      extras === undefined ? "" : Buffer.from(extras).toString("hex"),
    );
  }
  return context.next;
}

class HeaderReader implements ClientReader {
  readonly #config: ProxyConfig;
  readonly #context: ServeContext;
  readonly #header = new ProxyHeader();
  readonly #headers: readonly Counter[];
  #sessions: Sessions | undefined;
  #loggedAt = Number.NEGATIVE_INFINITY;

  constructor(config: ProxyConfig, context: ServeContext) {
    this.#config = config;
    this.#context = context;
    const { server } = context;
    this.#headers = ["1", "2"].map((version) =>
      context.counter("weftdns_proxyproto_headers_total", "Headers of the PROXY protocol that count.", {
        server,
        version,
      }),
    );
    context.onPublished((shared: SharedSessions) => {
      this.#sessions = new Sessions(shared);
    });
  }

  readDatagram(
    bytes: Uint8Array,
    start: number,
    length: number,
    peers: Uint8Array,
    index: number,
    client: ProxiedClient,
  ): number {
    client.clear();
    const policy = this.#policyFor(peers, index);
    if (policy === "skip") return 0;
    const header = this.#header;
    const read = header.read(bytes, start, start + length);
    if (header.version === 0) {
      this.#recall(peers, index, client);
      return 0;
    }
    const problem = problemOf(header, read) || (policy === "reject" ? REJECTED : "");
    if (problem !== "") return this.#discard(problem, length, peers, index);
    this.#take(bytes, policy, client);
    if (client.isKnown) this.#keep(peers, index, client);
    return read;
  }

  readStream(bytes: Uint8Array, peer: Uint8Array, client: ProxiedClient): number {
    client.clear();
    const policy = this.#policyFor(peer, 0);
    if (policy === "skip") return 0;
    const header = this.#header;
    const read = header.read(bytes, 0, bytes.length);
    if (read === Preface.NONE || read === Preface.INCOMPLETE) return read;
    if (read === Preface.WRONG || policy === "reject") return Preface.WRONG;
    this.#take(bytes, policy, client);
    if (client.isKnown) {
      client.localAddress = (header.size === 4 ? formatIpv4 : formatIpv6)(header.destination, 0);
      client.localPort = header.destinationPort;
    }
    return read;
  }

  #policyFor(peers: Uint8Array, index: number): Policy {
    const { allowed, others } = this.#config;
    if (allowed === undefined) return others;
    return hasAddress(allowed, peers, addressOffset(peers, index), readFamily(peers, index)) ? "use" : others;
  }

  /** Says what the header that was read in `bytes` says. */
  #take(bytes: Uint8Array, policy: Policy, client: ProxiedClient): void {
    const { version, size, source, sourcePort, extrasStart, extrasEnd } = this.#header;
    if (policy === "ignore") return;
    this.#headers[version - 1]!.add(1);
    if (size === 0) return;
    client.isKnown = true;
    writeAddress(client.record, 0, source, sourcePort, 0, size);
    if (this.#config.keepsExtras) client.extras = copyExtras(bytes, extrasStart, extrasEnd);
  }

  #keep(peers: Uint8Array, index: number, client: ProxiedClient): void {
    if (this.#sessions === undefined) return;
    const now = performance.now() + clockOffset;
    this.#sessions.keep(peers, index, client, now, now + this.#config.sessionMs);
  }

  #recall(peers: Uint8Array, index: number, client: ProxiedClient): void {
    if (this.#sessions === undefined) return;
    const now = performance.now() + clockOffset;
    this.#sessions.recall(peers, index, client, now, now + this.#config.sessionMs);
  }

  #discard(problem: string, length: number, peers: Uint8Array, index: number): number {
    const now = performance.now();
    if (now - this.#loggedAt >= LOG_EVERY_MS) {
      this.#loggedAt = now;
      const proxy = endpointText(formatAddress(peers, index), readPort(peers, index));
      this.#context.log.warning(`dropping invalid Proxy Protocol packet from ${proxy} (${length} bytes): ${problem}`);
    }
    return Preface.WRONG;
  }
}

const REJECTED = "connection rejected by Proxy Protocol connection policy";

/** Why a datagram with this header is dropped, "" when it is not. */
function problemOf(header: ProxyHeader, read: number): string {
  if (read === Preface.INCOMPLETE) return "parsing Proxy Protocol header: unexpected EOF";
  if (read === Preface.WRONG) return `parsing Proxy Protocol header: ${header.problem}`;
  if (header.version === 1) return "unsupported Proxy Protocol version 1 (only v2 supported for UDP)";
  if (!header.isLocal && header.transport !== Transport.DATAGRAM) return "PROXY Protocol header is not UDP type";
  return "";
}
