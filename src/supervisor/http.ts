/**
 * HTTP beside the DNS: one server per address for all plugins that name it, on the main thread, so that queries cannot
 * starve it and it cannot hold up queries. A listener whose address stays in the plan stays open over a reload.
 */

import { lookup } from "node:dns/promises";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Server as TlsServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TlsOptions } from "node:tls";
import { endpointText, splitAddress } from "../corefile/host-port.ts";
import { systemMessage } from "../corefile/system-message.ts";
import type { Counter } from "../memory/counters.ts";
import type { HttpHandler, HttpOptions, HttpSite } from "../plugin/context.ts";
import { Logger } from "../plugin/logger.ts";
import { respond } from "../plugin/respond.ts";

/** Whoever sends a request has this long, in milliseconds, for its headers and for all of it; and between two of them. */
const TIMEOUT_MS = 5_000;
/** Connections to one address: scrapers and probes are few. */
const MAX_CONNECTIONS = 100;
/** Requests of one connection that wait for their answers: scrapers and probes send one, and each takes some kilobytes. */
const MAX_UNDER_WAY = 16;
/** How long requests under way may take when their listener closes. */
const CLOSE_MS = 1_000;

interface Entry {
  readonly path: string;
  readonly handle: HttpHandler;
  readonly options: HttpOptions;
}

/** What one configuration serves on one address. */
export class Site {
  readonly address: string;
  /** Of several for one path the last one handles. */
  readonly entries: Entry[] = [];
  /** Set while the site is served. */
  release: (() => Promise<void>) | undefined;

  constructor(address: string) {
    this.address = address;
  }

  add(path: string, handle: HttpHandler, options: HttpOptions): HttpSite {
    const entry = { path, handle, options };
    this.entries.push(entry);
    return {
      close: async () => {
        const index = this.entries.indexOf(entry);
        if (index >= 0) this.entries.splice(index, 1);
        if (this.entries.length === 0) await this.release?.();
      },
    };
  }

  get tls(): (() => TlsOptions) | undefined {
    return this.entries.find(({ options }) => options.tls !== undefined)?.options.tls;
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    // An answer takes as long to make as it takes; only then it is the client who is waited for.
    response.on("timeout", (socket: Socket) => {
      if (response.headersSent) socket.destroy();
    });
    request.url = originForm(request.url ?? "/");
    const path = decoded(request.url.split("?")[0]!);
    const entry = this.entries.findLast((candidate) => candidate.path === path);
    if (entry) entry.handle(request, response);
    else notFound(response);
  }

  /** Throws `reason` unless everyone here can do without the site, and hears it. */
  failed(reason: Error): void {
    if (this.entries.some(({ options }) => options.failed === undefined)) throw reason;
    for (const { options } of this.entries) options.failed!(reason.message);
  }
}

interface Open {
  readonly server: Server | TlsServer;
  site: Site;
  /** What cannot be changed while it listens. */
  readonly kind: string;
}

/**
 * The connections of one listener, the one that nothing was asked on for the longest time first. When there are as many as may
 * be, a new one takes the place of the first that waits for no answer: else a hundred would keep all others out.
 */
class Places {
  /** By the client's endpoint: over TLS a request does not name the socket that was accepted. */
  readonly #taken = new Map<string, { readonly socket: Socket; underWay: number }>();
  readonly #refused: Counter;

  constructor(refused: Counter) {
    this.#refused = refused;
  }

  take(socket: Socket): void {
    if (this.#taken.size >= MAX_CONNECTIONS && !this.#evictIdle()) {
      this.#refused.add(1);
      socket.destroy();
      return;
    }
    const client = clientOf(socket);
    this.#taken.set(client, { socket, underWay: 0 });
    socket.once("close", () => this.#taken.delete(client));
  }

  /** A request has come; its connection keeps its place until it is answered. Gives whether it is to be answered. */
  use({ socket }: IncomingMessage, response: ServerResponse): boolean {
    const client = clientOf(socket);
    const place = this.#taken.get(client);
    if (place === undefined || place.underWay === MAX_UNDER_WAY) {
      socket.destroy();
      return false;
    }
    place.underWay++;
    response.once("close", () => {
      place.underWay--;
      if (this.#taken.delete(client)) this.#taken.set(client, place);
    });
    return true;
  }

  #evictIdle(): boolean {
    for (const [client, { socket, underWay }] of this.#taken) {
      if (underWay > 0) continue;
      this.#taken.delete(client);
      socket.destroy();
      return true;
    }
    return false;
  }
}

function clientOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

export class HttpSites {
  readonly #open = new Map<string, Open>();
  readonly #refused: Counter;

  /** `refused` counts the connections that there was no room for. */
  constructor(refused: Counter) {
    this.#refused = refused;
  }

  /** Opens what `wanted` (by address) needs, hands over what stays, and closes what is not wanted any more. */
  async replace(wanted: ReadonlyMap<string, Site>): Promise<void> {
    await this.open(wanted);
    await this.keepOnly(wanted);
  }

  /** The first half of that: what is not wanted goes on, so that there is a way back. */
  async open(wanted: ReadonlyMap<string, Site>): Promise<void> {
    for (const [address, site] of wanted) {
      if (site.entries.length === 0) continue;
      const open = this.#open.get(address);
      try {
        if (open?.kind === kindOf(site)) this.#take(open, site);
        else await this.#begin(site);
        if (open && open !== this.#open.get(address)) await end(open.server);
      } catch (error) {
        site.failed(error as Error);
      }
    }
  }

  async keepOnly(wanted: ReadonlyMap<string, Site>): Promise<void> {
    for (const [address, { site }] of this.#open) if (wanted.get(address) !== site) await this.#close(address);
  }

  async stop(): Promise<void> {
    await this.replace(new Map());
  }

  #take(open: Open, site: Site): void {
    open.site = site;
    site.release = async () => {
      if (this.#open.get(site.address)?.site === site) await this.#close(site.address);
    };
  }

  async #begin(site: Site): Promise<void> {
    const place = splitAddress(site.address);
    if (!place) throw new Error(`listen tcp: address ${site.address.replace(/^.*:/, "")}: invalid port`);
    const open: Open = {
      server: await createServer(site, () => open.site, new Places(this.#refused)),
      site,
      kind: kindOf(site),
    };
    await listen(open.server, place.host, place.port);
    this.#open.set(site.address, open);
    this.#take(open, site);
  }

  async #close(address: string): Promise<void> {
    const { server, site } = this.#open.get(address)!;
    this.#open.delete(address);
    site.release = undefined;
    await end(server);
  }
}

/** Takes no connections from here on, and waits for those that there are, but not for long. */
async function end(server: Server | TlsServer): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
  await closed;
  clearTimeout(timer);
}

/** Plain, or TLS with its demands on clients. */
function kindOf({ tls }: Site): string {
  if (tls === undefined) return "plain";
  const { requestCert = false, rejectUnauthorized = true } = tls();
  return `tls ${requestCert} ${rejectUnauthorized}`;
}

/** `current` gives the site that is served when a request comes. */
async function createServer(site: Site, current: () => Site, places: Places): Promise<Server | TlsServer> {
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    if (places.use(request, response)) current().handle(request, response);
  };
  const times = { requestTimeout: TIMEOUT_MS, headersTimeout: TIMEOUT_MS, keepAliveTimeout: TIMEOUT_MS };
  // Loaded when somebody wants them: HTTP costs two megabytes.
  const server =
    site.tls === undefined
      ? (await import("node:http")).createServer(times, handle)
      : tlsServer((await import("node:https")).createServer, times, site.tls(), handle, current);
  server.on("connect", refuseTunnel);
  server.prependListener("connection", (socket: Socket) => places.take(socket));
  // Whoever does not read has his connection no longer than one who does not write.
  server.timeout = TIMEOUT_MS;
  return server;
}

/** A server that looks before each handshake whether there are new certificates. */
function tlsServer(
  create: typeof import("node:https").createServer,
  times: object,
  first: TlsOptions,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  current: () => Site,
): TlsServer {
  const server = create({ ...times, ...first, handshakeTimeout: TIMEOUT_MS }, handle);
  let used = first;
  server.prependListener("connection", (socket: Socket) => {
    try {
      const options = current().tls?.() ?? used;
      if (options !== used) server.setSecureContext(options);
      used = options;
    } catch (error) {
      new Logger().error(`http: TLS handshake error from ${socket.remoteAddress}: ${(error as Error).message}`);
      socket.destroy();
    }
  });
  return server;
}

/**
 * As Go does: of a name with several addresses the first IPv4 one; without a host all addresses of both families. And as
 * CoreDNS does: other sockets of ours, also those of a process that takes this one's place, may listen there as well.
 */
async function listen(server: Server | TlsServer, host: string, port: number): Promise<void> {
  const address =
    host === ""
      ? ""
      : await lookup(host, { order: "ipv4first" }).then(
          (found) => found.address,
          () => undefined,
        );
  if (address === undefined) throw new Error(`listen tcp: lookup ${host}: no such host`);
  const shown = endpointText(address, port);
  await new Promise<void>((resolve, reject) => {
    const fail = (error: Error) => {
      reject(new Error(`listen tcp ${shown}: bind: ${systemMessage(error)}`));
    };
    server.once("error", fail);
    server.listen({ port, reusePort: true, ...(address === "" ? {} : { host: address }) }, () => {
      server.off("error", fail);
      // From here on an error is one of accepting a connection: it costs that connection.
      server.on("error", (error) => new Logger().error(`http: Accept error: ${error.message}`));
      resolve();
    });
  });
}

/** What a client sends to a proxy names the server too, and must be taken (RFC 9112 section 3.2.2). */
function originForm(target: string): string {
  const [, rest] = /^https?:\/\/[^/?]*(.*)$/is.exec(target) ?? [];
  return rest === undefined ? target : rest.startsWith("/") ? rest : `/${rest}`;
}

/** As it stands when it is malformed: then it is nobody's. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Node leaves the connection of whoever wants a tunnel to us. */
function refuseTunnel(_request: IncomingMessage, socket: Duplex): void {
  socket.on("error", () => socket.destroy());
  socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", () => socket.destroy());
}

/** Go's words and headers. */
function notFound(response: ServerResponse): void {
  const headers = { "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff" };
  respond(response, 404, headers, "404 page not found\n");
}
