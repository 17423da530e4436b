/**
 * Requests to the API of a cluster, with credentials as they are at that moment, within the limits that are configured.
 * HTTP/1.1, a connection for each watch: a half-open one is noticed by its silence, and stalls none of the others.
 */
import { createGunzip } from "node:zlib";
import type { Dispatcher } from "undici";
import { Pace } from "../../memory/pace.ts";
import type { Access, TlsMaterial } from "./access.ts";
import { openAgent } from "./agent.ts";
import type { Splitter } from "./documents.ts";
import { Limiter, type Limits } from "./limiter.ts";
import { ApiError } from "./status.ts";

export interface RequestHooks {
  /** A request has its answer; `code` is the HTTP status, or `<error>`, as client-go counts it. */
  requested(method: string, host: string, code: string, seconds: number): void;
  /** How long a request waited for `Limits`. */
  limited(method: string, host: string, seconds: number): void;
}

export interface ClientOptions {
  readonly limits?: Limits;
  readonly hooks?: RequestHooks;
}

export interface RequestOptions {
  readonly signal: AbortSignal;
  readonly accept?: string;
  /** The most silence before the answer begins, and within it. */
  readonly beginMs: number;
  readonly idleMs: number;
  /** Called for each piece of a good answer, and when its head has come (0). */
  readonly received?: (bytes: number) => void;
}

export type Parameters = Readonly<Record<string, string | number | boolean | undefined>>;

export class ApiClient {
  readonly server: URL;
  readonly #access: Access;
  readonly #limiter: Limiter;
  readonly #hooks: RequestHooks | undefined;
  readonly #pace = new Pace();
  #agent: Dispatcher | undefined;
  #agentTls: TlsMaterial | undefined;

  constructor(access: Access, { limits = {}, hooks }: ClientOptions = {}) {
    this.server = access.server;
    this.#access = access;
    this.#limiter = new Limiter(limits);
    this.#hooks = hooks;
  }

  /** Reads the answer into `splitter`, to its end. Rejects with an `ApiError` when it is another than 200. */
  async read(path: string, parameters: Parameters, splitter: Splitter, options: RequestOptions): Promise<void> {
    let answer = await this.#ask(path, parameters, options);
    if (answer.statusCode === 401) {
      // The token may have been replaced since it was read.
      this.#access.refresh(true);
      await answer.body.dump();
      answer = await this.#ask(path, parameters, options);
    }
    if (answer.statusCode !== 200) throw await errorOf(answer);
    options.received?.(0);
    for await (const chunk of plainBody(answer)) {
      options.received?.(chunk.length);
      splitter.push(chunk);
      const turn = this.#pace.turn();
      if (turn !== undefined) await turn;
    }
    splitter.end();
  }

  /** Ends every connection. Those that are just being opened end by themselves: a silent server keeps nobody waiting. */
  close(): void {
    void this.#agent?.destroy();
  }

  async #ask(path: string, parameters: Parameters, options: RequestOptions): Promise<Dispatcher.ResponseData> {
    const { host } = this.server;
    const asked = performance.now();
    await this.#limiter.acquire(options.signal);
    const began = performance.now();
    this.#hooks?.limited("GET", host, (began - asked) / 1_000);
    let code = "<error>";
    try {
      const answer = await unlessAborted(options.signal, this.#request(path, parameters, options));
      code = String(answer.statusCode);
      return answer;
    } catch (error) {
      // A handshake fails when a certificate has been replaced on either side, so all of them are read again.
      this.#access.refresh();
      throw error;
    } finally {
      this.#limiter.release();
      if (!options.signal.aborted) this.#hooks?.requested("GET", host, code, (performance.now() - began) / 1_000);
    }
  }

  async #request(path: string, parameters: Parameters, options: RequestOptions): Promise<Dispatcher.ResponseData> {
    const { headers, tls } = await this.#access.credentials();
    return await this.#agentFor(tls).request({
      origin: this.server.origin,
      path: `${this.server.pathname.replace(/\/$/, "")}${path}${queryString(parameters)}`,
      method: "GET",
      headers: { accept: options.accept ?? "application/json", "user-agent": "weftdns", ...headers },
      headersTimeout: options.beginMs,
      bodyTimeout: options.idleMs,
      signal: options.signal,
    });
  }

  /** Other certificates need other connections; those that are open go on until their watches end. */
  #agentFor(tls: TlsMaterial): Dispatcher {
    if (this.#agent !== undefined && this.#agentTls === tls) return this.#agent;
    const agent = openAgent(this.#access, tls);
    void this.#agent?.close();
    this.#agent = agent;
    this.#agentTls = tls;
    return agent;
  }
}

/** The longest explanation of an error that is read. */
const MAX_ERROR_BYTES = 64 * 1024;

/** The path of a resource's collection, in all namespaces or in one. */
export function collectionPath(group: string, version: string, plural: string, namespace?: string): string {
  const base = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespace === undefined
    ? `${base}/${plural}`
    : `${base}/namespaces/${encodeURIComponent(namespace)}/${plural}`;
}

/** What is being opened, read or run does not hear of `signal`: it goes on to its own end, and nobody waits for it. */
function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
    if (signal.aborted) abort();
  });
}

function queryString(parameters: Parameters): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.set(name, String(value));
  return query.size === 0 ? "" : `?${query}`;
}

/** We ask for no compression, which costs both sides more than the bytes do; some proxies compress unasked. */
function plainBody({ headers, body }: Dispatcher.ResponseData): AsyncIterable<Buffer> {
  if (headers["content-encoding"] !== "gzip") return body;
  const plain = createGunzip();
  body.on("error", (error) => plain.destroy(error));
  plain.on("close", () => body.destroy());
  return body.pipe(plain);
}

async function errorOf(answer: Dispatcher.ResponseData): Promise<ApiError> {
  const retryAfter = answer.headers["retry-after"];
  let text = "";
  for await (const chunk of plainBody(answer)) {
    text += chunk.toString("utf8");
    if (text.length > MAX_ERROR_BYTES) break;
  }
  let status: unknown;
  try {
    status = JSON.parse(text);
  } catch {
    status = { message: text.trim() };
  }
  return new ApiError(status, answer.statusCode, typeof retryAfter === "string" ? retryAfter : undefined);
}
