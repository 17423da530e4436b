/**
 * A Kubernetes API server for tests: lists, streamed lists, pages, watches with bookmarks, selectors, 410, TLS with tokens, and
 * faults on command. The read side answers as the real one does, to the texts of its errors; changes come from the test.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { gzipSync } from "node:zlib";
import type { Manifest } from "./api-objects.ts";
import {
  ApiStore,
  type Change,
  RESOURCES,
  type Resource,
  type Selector,
  type Stored,
  selectorOf,
} from "./api-store.ts";

export interface ApiServerOptions {
  readonly objects?: readonly Manifest[];
  readonly port?: number;
  readonly host?: string;
  readonly tls?: ServerOptions;
  /** Bearer tokens that are let in; absent: everybody is. */
  readonly tokens?: Iterable<string>;
  /** Whether lists may be streamed (default), or are refused as servers before 1.32 do. */
  readonly streaming?: boolean;
  readonly gzip?: boolean;
  /** `group/version` of what is not installed. */
  readonly absent?: readonly string[];
}

/** Something that goes wrong with the next requests that it fits. */
export interface Fault {
  readonly on?: "list" | "watch" | "stream";
  readonly plural?: string;
  /** With so many requests; default 1. */
  readonly times?: number;
  /** Answers with this status. */
  readonly status?: number;
  readonly reason?: string;
  readonly retryAfter?: number;
  /** An ERROR event with `status` in the stream, instead of an answer with it. */
  readonly asEvent?: boolean;
  readonly delayMs?: number;
  /** The connection is gone after so many bytes of the body. */
  readonly cutAt?: number;
  /** The request is taken and never answered. */
  readonly hang?: boolean;
  /** A streamed list says so much later that it is complete; changes until then come before that. */
  readonly completeAfterMs?: number;
}

export interface SeenRequest {
  readonly kind: "list" | "watch" | "stream";
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly at: number;
}

interface Watch {
  readonly resource: Resource;
  readonly selector: Selector;
  readonly bookmarks: boolean;
  /** It began as a streamed list. */
  readonly initial: boolean;
  /** Changes up to here are known to the watcher. */
  readonly from: number;
  /** Half-open: nothing leaves any more, and nothing says so. */
  dead: boolean;
  send(line: string): void;
  end(): void;
}

export class ApiServer {
  readonly store = new ApiStore();
  readonly requests: SeenRequest[] = [];
  readonly tokens: Set<string> | undefined;
  readonly absent: Set<string>;
  streaming: boolean;
  readonly #gzip: boolean;
  readonly #server: Server;
  readonly #scheme: string;
  readonly #watches = new Set<Watch>();
  readonly #sockets = new Set<Socket>();
  /** By the token of their next page: what is left of a list. */
  readonly #pages = new Map<string, { readonly version: number; readonly left: readonly Stored[] }>();
  #faults: { fault: Fault; left: number }[] = [];
  #dropped = 0;

  private constructor(options: ApiServerOptions) {
    this.tokens = options.tokens && new Set(options.tokens);
    this.absent = new Set(options.absent);
    this.streaming = options.streaming ?? true;
    this.#gzip = options.gzip ?? false;
    for (const object of options.objects ?? []) this.store.apply(object);
    this.store.onChange = (change) => this.#deliver(change);
    const handle = (request: IncomingMessage, response: ServerResponse) => this.#handle(request, response);
    this.#scheme = options.tls ? "https" : "http";
    this.#server = options.tls ? createTlsServer(options.tls, handle) : createServer(handle);
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  static async start(options: ApiServerOptions = {}): Promise<ApiServer> {
    const api = new ApiServer(options);
    await api.listen(options.port ?? 0, options.host);
    return api;
  }

  /** Also after `close`, on the same port: a server that is back. */
  async listen(port: number, host = "127.0.0.1"): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, resolve);
    });
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  /** Another certificate, or other clients to trust, from the next connection on. */
  setTls(tls: ServerOptions): void {
    (this.#server as import("node:https").Server).setSecureContext(tls);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}`;
  }

  /** Watches that run now, without those that began as a list. */
  get watches(): number {
    return [...this.#watches].filter(({ initial }) => !initial).length;
  }

  apply(...manifests: readonly Manifest[]): void {
    for (const manifest of manifests) this.store.apply(manifest);
  }

  remove(...manifests: readonly Manifest[]): void {
    for (const manifest of manifests) this.store.remove(manifest);
  }

  fault(...faults: readonly Fault[]): void {
    this.#faults.push(...faults.map((fault) => ({ fault, left: fault.times ?? 1 })));
  }

  healFaults(): void {
    this.#faults = [];
  }

  /** The next `count` changes reach no watch. */
  dropEvents(count: number): void {
    this.#dropped += count;
  }

  /** Sends `line` on all watches of a resource, whatever it is. */
  say(plural: string, line: string): void {
    for (const watch of this.#watches) if (watch.resource.plural === plural) watch.send(line);
  }

  bookmark(): void {
    for (const watch of this.#watches) if (watch.bookmarks) watch.send(bookmarkOf(watch.resource, this.store.version));
  }

  /** All running watches fall silent, their connections stay. */
  stallWatches(): void {
    for (const watch of this.#watches) watch.dead = true;
  }

  /** Watches end as a server that is shut down ends them. */
  endWatches(): void {
    for (const watch of [...this.#watches]) watch.end();
  }

  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Forgets the history. Running watches are told so, unless they go on. */
  expire(tellWatches = true): void {
    this.store.compact();
    this.#pages.clear();
    if (!tellWatches) return;
    for (const watch of [...this.#watches]) {
      watch.send(eventOf("ERROR", JSON.stringify(expired(`too old resource version: 1 (${this.store.version})`))));
      watch.end();
    }
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url!, "http://api.test");
    if (url.pathname === "/apis") return void response.end('{"kind":"APIGroupList","apiVersion":"v1","groups":[]}');
    const query = url.searchParams;
    const isWatch = query.get("watch") === "true" || query.get("watch") === "1";
    const kind = !isWatch ? "list" : query.get("sendInitialEvents") === "true" ? "stream" : "watch";
    this.requests.push({ kind, path: url.pathname, query, headers: request.headers, at: performance.now() });
    const target = this.#targetOf(url.pathname);
    const fault = this.#takeFault(kind, target?.resource.plural ?? "");
    if (fault?.hang) return;
    if (fault?.cutAt !== undefined) cutAfter(response, fault.cutAt);
    const serve = () => {
      if (!response.destroyed) this.#answer(request, response, query, isWatch, target, fault);
    };
    if (fault?.delayMs === undefined) serve();
    else setTimeout(serve, fault.delayMs);
  }

  #answer(
    request: IncomingMessage,
    response: ServerResponse,
    query: URLSearchParams,
    isWatch: boolean,
    target: Target | undefined,
    fault: Fault | undefined,
  ): void {
    const refused = refusal(query, isWatch, this.streaming);
    const token = (request.headers.authorization ?? "").replace(/^Bearer /, "");
    if (this.tokens !== undefined && !this.tokens.has(token)) {
      fail(response, statusOf(401, "Unauthorized", "Unauthorized"));
    } else if (fault?.status !== undefined) {
      if (fault.asEvent) failInside(response, statusOfFault(fault));
      else fail(response, statusOfFault(fault), fault.retryAfter);
    } else if (target === undefined) {
      if (/^\/api\/v1\//.test(request.url!)) {
        fail(response, statusOf(404, "NotFound", "the server could not find the requested resource", {}));
      } else failText(response, 404, "404 page not found\n");
    } else if (refused !== undefined) {
      fail(response, refused);
    } else {
      const selector = selectorOf(query.get("labelSelector"), query.get("fieldSelector"), target.namespace);
      if (isWatch) this.#watch(response, target, selector, query, fault?.completeAfterMs);
      else this.#list(response, target, selector, query, request.headers.accept ?? "");
    }
  }

  #targetOf(path: string): Target | undefined {
    const pattern = /^\/(?:api|apis\/([^/]+))\/([^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)$/;
    const [, group = "", version, namespace, plural] = pattern.exec(path) ?? [];
    const resource = RESOURCES.find(
      (one) => one.group === group && one.plural === plural && one.versions.includes(version!),
    );
    if (resource === undefined || this.absent.has(`${group}/${version}`)) return undefined;
    return { resource, version: version!, namespace };
  }

  #takeFault(kind: SeenRequest["kind"], plural: string): Fault | undefined {
    const found = this.#faults.find(
      ({ fault, left }) => left > 0 && (fault.on ?? kind) === kind && (fault.plural ?? plural) === plural,
    );
    if (found === undefined) return undefined;
    found.left--;
    return found.fault;
  }

  #list(response: ServerResponse, target: Target, selector: Selector, query: URLSearchParams, accept: string): void {
    const limit = Number(query.get("limit") ?? 0);
    const token = query.get("continue");
    const wanted = Number(query.get("resourceVersion") ?? 0);
    if (wanted > this.store.version) {
      fail(response, tooLarge(wanted, this.store.version));
      return;
    }
    const page = token === null ? undefined : this.#pages.get(token);
    if (token !== null && page === undefined) {
      fail(response, expired("The provided continue parameter is too old to display a consistent list result."));
      return;
    }
    const { version, left } = page ?? {
      version: this.store.version,
      left: this.store.list(target.resource).filter((stored) => selector.matches(stored)),
    };
    const shown = limit > 0 ? left.slice(0, limit) : left;
    const rest = left.slice(shown.length);
    const next = rest.length > 0 ? Buffer.from(`${version}/${rest[0]!.key}`).toString("base64url") : undefined;
    if (next !== undefined) this.#pages.set(next, { version, left: rest });
    const onlyMetadata = /as=PartialObjectMetadataList/.test(accept);
    const items = shown.map((stored) => (onlyMetadata ? metadataJson(stored) : listedJson(stored, target)));
    const metadata = { resourceVersion: String(version), continue: next, remainingItemCount: rest.length || undefined };
    const [kind, apiVersion] = onlyMetadata
      ? ["PartialObjectMetadataList", "meta.k8s.io/v1"]
      : [`${target.resource.kind}List`, apiVersionOf(target)];
    const head = JSON.stringify({ kind, apiVersion, metadata });
    const body = Buffer.from(`${head.slice(0, -1)},"items":[${items.join(",")}]}\n`);
    const bytes = this.#gzip ? gzipSync(body, { level: 1 }) : body;
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": bytes.length,
      ...(this.#gzip && { "content-encoding": "gzip" }),
    });
    response.end(bytes);
  }

  #watch(
    response: ServerResponse,
    target: Target,
    selector: Selector,
    query: URLSearchParams,
    completeAfterMs: number | undefined,
  ): void {
    const initial = query.get("sendInitialEvents") === "true";
    const given = query.get("resourceVersion") ?? "";
    const all = initial || given === "" || given === "0";
    const from = all ? this.store.version : Number(given);
    response.writeHead(200, { "content-type": "application/json", "transfer-encoding": "chunked" });
    response.flushHeaders();
    const missed = this.store.since(target.resource, from);
    if (missed === undefined) {
      const error = expired(`too old resource version: ${from} (${this.store.oldest})`);
      response.end(eventOf("ERROR", JSON.stringify(error)));
      return;
    }
    const watch: Watch = {
      ...{ resource: target.resource, selector, from, initial, dead: false },
      bookmarks: query.get("allowWatchBookmarks") === "true",
      send: (line) => {
        if (!watch.dead) response.write(line);
      },
      end: () => {
        if (!watch.dead) response.end();
        this.#watches.delete(watch);
      },
    };
    if (all) {
      for (const stored of this.store.list(target.resource)) {
        if (selector.matches(stored)) watch.send(eventOf("ADDED", versionedJson(stored, target)));
      }
    }
    const complete = () => watch.send(bookmarkOf(target.resource, this.store.version, true));
    if (initial && watch.bookmarks) {
      if (completeAfterMs === undefined) complete();
      else setTimeout(complete, completeAfterMs);
    }
    for (const change of missed) deliverTo(watch, change);
    this.#watches.add(watch);
    const seconds = Number(query.get("timeoutSeconds") ?? 0);
    const timer = seconds > 0 ? setTimeout(() => this.#timeOut(watch, seconds), seconds * 1_000) : undefined;
    response.on("close", () => {
      clearTimeout(timer);
      this.#watches.delete(watch);
    });
  }

  /** With a bookmark before, unless the watch was too short for that. */
  #timeOut(watch: Watch, seconds: number): void {
    if (watch.bookmarks && seconds > 1) watch.send(bookmarkOf(watch.resource, this.store.version));
    watch.end();
  }

  #deliver(change: Change): void {
    if (this.#dropped > 0) {
      this.#dropped--;
      return;
    }
    for (const watch of this.#watches) if (watch.resource === change.now.resource) deliverTo(watch, change);
  }
}

interface Target {
  readonly resource: Resource;
  readonly version: string;
  readonly namespace: string | undefined;
}

/** A watch with selectors sees an object come when it begins to match, and go when it stops. */
function deliverTo(watch: Watch, { type, now, before }: Change): void {
  if (now.version <= watch.from) return;
  const matched = before !== undefined && watch.selector.matches(before);
  const matches = type !== "DELETED" && watch.selector.matches(now);
  if (matches) watch.send(eventOf(matched ? "MODIFIED" : "ADDED", now.json));
  else if (matched) watch.send(eventOf("DELETED", now.json));
}

function eventOf(type: string, json: string): string {
  return `{"type":"${type}","object":${json}}\n`;
}

function bookmarkOf({ kind, group, versions }: Resource, version: number, initialEnd = false): string {
  const annotations = initialEnd ? { annotations: { "k8s.io/initial-events-end": "true" } } : {};
  const metadata = { resourceVersion: String(version), creationTimestamp: null, ...annotations };
  const apiVersion = group === "" ? versions[0] : `${group}/${versions[0]}`;
  return eventOf("BOOKMARK", JSON.stringify({ kind, apiVersion, metadata }));
}

function apiVersionOf({ resource, version }: Target): string {
  return resource.group === "" ? version : `${resource.group}/${version}`;
}

/** Custom resources in the version asked for. */
function versionedJson(stored: Stored, target: Target): string {
  const apiVersion = apiVersionOf(target);
  return stored.object.apiVersion === apiVersion ? stored.json : JSON.stringify({ ...stored.object, apiVersion });
}

/** In the lists of built-in resources, the objects have neither kind nor apiVersion. */
function listedJson(stored: Stored, target: Target): string {
  if (target.resource.group.includes("istio") || target.resource.group.includes("x-k8s")) {
    return versionedJson(stored, target);
  }
  const { kind: _kind, apiVersion: _apiVersion, ...rest } = stored.object;
  return JSON.stringify(rest);
}

function metadataJson({ object }: Stored): string {
  return JSON.stringify({ kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata });
}

function statusOf(code: number, reason: string, message: string, details?: unknown) {
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, details, code };
}
type Status = ReturnType<typeof statusOf>;

function statusOfFault({ status = 500, reason = "InternalError", retryAfter }: Fault): Status {
  return statusOf(status, reason, `a fault of the test: ${reason}`, { retryAfterSeconds: retryAfter });
}

function expired(message: string): Status {
  return statusOf(410, "Expired", message);
}

function tooLarge(wanted: number, current: number): Status {
  return statusOf(504, "Timeout", `Timeout: Too large resource version: ${wanted}, current: ${current}`, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    retryAfterSeconds: 1,
  });
}

/** Why these options do not go together; undefined when they do. */
function refusal(query: URLSearchParams, isWatch: boolean, streaming: boolean): Status | undefined {
  const [initial, match] = [query.get("sendInitialEvents"), query.get("resourceVersionMatch")];
  const forbidden = (field: string, why: string): Status => {
    const message = `Forbidden: ${why}`;
    const causes = [{ reason: "FieldValueForbidden", message, field }];
    const details = { group: "meta.k8s.io", kind: "ListOptions", causes };
    return statusOf(422, "Invalid", `ListOptions.meta.k8s.io "" is invalid: ${field}: ${message}`, details);
  };
  if (initial !== null && !isWatch) return forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list");
  if (initial !== null && !streaming) {
    const why = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
    return forbidden("sendInitialEvents", why);
  }
  if (initial !== null && match !== "NotOlderThan") {
    const why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
    return forbidden("resourceVersionMatch", why);
  }
  if (isWatch && initial === null && match !== null) {
    const why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
    return forbidden("resourceVersionMatch", why);
  }
  return undefined;
}

function fail(response: ServerResponse, status: Status, retryAfter?: number): void {
  response.writeHead(status.code, {
    "content-type": "application/json",
    ...(retryAfter !== undefined && { "retry-after": String(retryAfter) }),
  });
  response.end(JSON.stringify(status));
}

function failInside(response: ServerResponse, status: Status): void {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(eventOf("ERROR", JSON.stringify(status)));
}

function failText(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, { "content-type": "text/plain; charset=utf-8" });
  response.end(text);
}

/** Lets `size` bytes of the body through; then the connection is gone. */
function cutAfter(response: ServerResponse, size: number): void {
  const write = response.write.bind(response) as (chunk: Buffer, sent: () => void) => boolean;
  const end = response.end.bind(response);
  let left = size;
  const cut = (chunk: string | Buffer): boolean => {
    const part = Buffer.from(chunk as string).subarray(0, left);
    left -= part.length;
    return write(part, () => left === 0 && response.socket?.destroy());
  };
  if (size === 0) setImmediate(() => response.socket?.destroy());
  response.write = cut as ServerResponse["write"];
  response.end = ((chunk?: string | Buffer) => {
    if (chunk !== undefined) cut(chunk);
    return left > 0 ? end() : response;
  }) as ServerResponse["end"];
}
