/**
 * HTTP beside the DNS: one server per address for all plugins that name it, on the main thread, so that queries cannot
 * starve it and it cannot hold up queries.
 */
import type { Server } from "node:http";
import { splitAddress } from "../corefile/host-port.ts";
import type { HttpHandler } from "../plugin/context.ts";

/** Whoever sends a request has this long, in milliseconds, for its headers and for all of it. */
const REQUEST_TIMEOUT_MS = 5_000;
/** Connections to one address: scrapers and probes are few. */
const MAX_CONNECTIONS = 100;

interface Site {
  readonly server: Server;
  handlers: Map<string, HttpHandler>;
}

export class HttpSites {
  readonly #sites = new Map<string, Site>();

  /** Opens what `wanted` needs (address, then path), hands over what stays, and closes what is not wanted any more. */
  async replace(wanted: ReadonlyMap<string, Map<string, HttpHandler>>): Promise<void> {
    for (const address of wanted.keys()) if (!this.#sites.has(address)) await this.#open(address);
    for (const [address, handlers] of wanted) this.#sites.get(address)!.handlers = handlers;
    for (const address of this.#sites.keys()) if (!wanted.has(address)) await this.#close(address);
  }

  async stop(): Promise<void> {
    await this.replace(new Map());
  }

  async #open(address: string): Promise<void> {
    const place = splitAddress(address);
    if (!place) throw new Error(`"${address}" is no address to serve HTTP on`);
    // Loaded when somebody wants it: it costs two megabytes.
    const { createServer } = await import("node:http");
    const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS });
    server.maxConnections = MAX_CONNECTIONS;
    const site: Site = { server, handlers: new Map() };
    server.on("request", (request, response) => {
      const path = (request.url ?? "/").split("?")[0]!;
      const handle = site.handlers.get(path);
      if (handle) handle(request, response);
      else response.writeHead(404).end("404 page not found\n");
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(new Error(`listen tcp ${address}: ${error.message}`)));
      server.listen({ port: place.port, ...(place.host === "" ? {} : { host: place.host }) }, resolve);
    });
    this.#sites.set(address, site);
  }

  async #close(address: string): Promise<void> {
    const { server } = this.#sites.get(address)!;
    this.#sites.delete(address);
    server.closeIdleConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}
