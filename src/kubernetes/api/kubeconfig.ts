/**
 * kubeconfig files, read as client-go does. Where a user proves who he is by a program, it is run when a request needs it; for
 * identity providers (`auth-provider`) there is the official client, which takes 52 MiB of memory and is loaded for nothing else.
 */
import { readFile } from "node:fs/promises";
import type { RequestOptions } from "node:https";
import { dirname, resolve } from "node:path";
import { type Fields, fieldsOf, itemsOf } from "../fields.ts";
import type { Credentials, Headers, TlsMaterial } from "./access.ts";
import { ExecProgram } from "./exec-program.ts";

/** What the file says of one context. */
interface Entry {
  readonly context: string;
  readonly server: URL;
  readonly proxy: string | undefined;
  readonly cluster: Fields;
  readonly user: Fields;
}

/** What a program or a provider gives; either may be missing. */
export interface Proof {
  readonly token?: string | undefined;
  readonly tls: Pick<TlsMaterial, "cert" | "key">;
}

export class Kubeconfig {
  readonly #file: string;
  #text: string;
  #entry: Entry;
  /** Kept as long as the text stays and nobody refuses what it gave, since programs and providers take their time. */
  #prove: (() => Promise<Proof>) | undefined;

  /** With the current context of the file, unless one is named. Rejects when it has none, or a file that it names is not there. */
  static async open(file: string, context?: string): Promise<Kubeconfig> {
    const text = await readFile(file, "utf8");
    const kubeconfig = new Kubeconfig(file, text, await entryOf(text, file, context));
    await kubeconfig.#written();
    return kubeconfig;
  }

  private constructor(file: string, text: string, entry: Entry) {
    this.#file = file;
    this.#text = text;
    this.#entry = entry;
  }

  get server(): URL {
    return this.#entry.server;
  }

  get proxy(): string | undefined {
    return this.#entry.proxy;
  }

  get context(): string {
    return this.#entry.context;
  }

  /** As they are now. What was `refused` is not shown again, if there is a way to something else. */
  async credentials(refused: boolean): Promise<Credentials> {
    await this.#readAgain();
    if (refused) this.#prove = undefined;
    const written = await this.#written();
    const { user, server } = this.#entry;
    if (server.protocol === "http:" || !(user.exec || user["auth-provider"])) return written;
    this.#prove ??= await this.#proverOf(written.tls);
    const { token, tls } = await this.#prove();
    return {
      headers: { ...written.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      tls: { ...written.tls, ...tls },
    };
  }

  /** The context stays the one of the start, whichever `kubectl config use-context` has made the current one since. */
  async #readAgain(): Promise<void> {
    const text = await readFile(this.#file, "utf8");
    if (text === this.#text) return;
    const entry = await entryOf(text, this.#file, this.#entry.context);
    // What is shown to one server is not for another: it takes a reload to go there.
    if (entry.server.href !== this.server.href) throw new Error(`${this.#file} names another server`);
    [this.#text, this.#entry, this.#prove] = [text, entry, undefined];
  }

  /** All that stands in the file, or in files that it names. */
  async #written(): Promise<Credentials> {
    const { cluster, user, server } = this.#entry;
    const headers: Headers = impersonation(user);
    // As client-go: what goes over plain HTTP can be read on the way.
    if (server.protocol === "http:") return { headers, tls: {} };
    const [ca, cert, key] = await Promise.all([
      this.#pem(cluster, "certificate-authority"),
      this.#pem(user, "client-certificate"),
      this.#pem(user, "client-key"),
    ]);
    const authorization = await this.#authorization(user);
    const servername = textOf(cluster, "tls-server-name");
    return {
      headers: { ...headers, ...(authorization !== undefined && { authorization }) },
      tls: {
        ...(ca && { ca }),
        ...(cert && { cert }),
        ...(key && { key }),
        ...(servername !== undefined && { servername }),
        ...(cluster["insecure-skip-tls-verify"] === true && { rejectUnauthorized: false }),
      },
    };
  }

  async #authorization(user: Fields): Promise<string | undefined> {
    const tokenFile = textOf(user, "tokenFile");
    // It counts before a token in the kubeconfig, and is read each time, since it is replaced before it ends.
    const token =
      tokenFile === undefined ? textOf(user, "token") : String(await readFile(this.#beside(tokenFile))).trim();
    if (token !== undefined) return `Bearer ${token}`;
    const name = textOf(user, "username");
    if (name === undefined) return undefined;
    return `Basic ${Buffer.from(`${name}:${textOf(user, "password") ?? ""}`).toString("base64")}`;
  }

  async #pem(fields: Fields, name: string): Promise<Buffer | undefined> {
    const data = textOf(fields, `${name}-data`);
    if (data !== undefined) return Buffer.from(data, "base64");
    const file = textOf(fields, name);
    return file === undefined ? undefined : await readFile(this.#beside(file));
  }

  #beside(path: string): string {
    return resolve(dirname(this.#file), path);
  }

  async #proverOf({ ca }: TlsMaterial): Promise<() => Promise<Proof>> {
    const { cluster, user } = this.#entry;
    if (!user.exec) return await providerOf(user);
    const program = new ExecProgram(fieldsOf(user.exec), dirname(this.#file), { ...cluster, ca });
    return () => program.proof();
  }
}

async function entryOf(text: string, file: string, wanted: string | undefined): Promise<Entry> {
  const content = fieldsOf(await parse(text, file));
  const context = wanted ?? textOf(content, "current-context");
  if (context === undefined) throw new Error(`${file} has no current-context`);
  const found = namedIn(content, "contexts", "context", context);
  if (found === undefined) throw new Error(`context "${context}" does not exist in ${file}`);
  const cluster = namedIn(content, "clusters", "cluster", textOf(found, "cluster"));
  if (cluster === undefined) throw new Error(`context "${context}" names no cluster that is in ${file}`);
  const server = textOf(cluster, "server") ?? "";
  // As client-go: without a scheme it is plain HTTP.
  const url = URL.parse(/^[a-z]+:\/\//i.test(server) ? server : `http://${server}`);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Error(`server "${server}" in ${file}, expected a URL with http or https`);
  }
  const proxy = textOf(cluster, "proxy-url");
  if (proxy !== undefined && !/^(https?|socks5):$/.test(URL.parse(proxy)?.protocol ?? ""))
    throw new Error(`proxy-url "${proxy}" in ${file}, expected a URL with http, https or socks5`);
  // Who is not in the file is nobody.
  const user = namedIn(content, "users", "user", textOf(found, "user")) ?? {};
  return { context, server: url, proxy, cluster, user };
}

async function parse(text: string, file: string): Promise<unknown> {
  const { load } = await import("js-yaml");
  if (text.trim() === "") throw new Error(`${file} is empty`);
  try {
    return load(text);
  } catch (error) {
    throw new Error(`${file}: ${String((error as Error).message).split("\n")[0]}`);
  }
}

/** What `[{ name, [kind]: … }]` has under this name. */
function namedIn(content: Fields, list: string, kind: string, name: string | undefined): Fields | undefined {
  const [entry, another] = itemsOf(content[list])
    .map(fieldsOf)
    .filter((one) => one.name === name);
  if (another !== undefined) throw new Error(`"${list}" of a kubeconfig has two "${name}"`);
  return entry && fieldsOf(entry[kind]);
}

/** Undefined when it is missing or empty. */
function textOf(fields: Fields, name: string): string | undefined {
  const value = fields[name] ?? "";
  if (typeof value !== "string") throw new Error(`"${name}" of a kubeconfig must be text: put it in quotes`);
  return value === "" ? undefined : value;
}

/** Whom to be taken for: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation. */
function impersonation(user: Fields): Headers {
  const headers: Record<string, string | string[]> = {};
  const { as, "as-uid": uid, "as-groups": groups, "as-user-extra": extra } = user;
  if (as) headers["impersonate-user"] = String(as);
  if (uid) headers["impersonate-uid"] = String(uid);
  if (Array.isArray(groups)) headers["impersonate-group"] = groups.map(String);
  for (const [name, values] of Object.entries(fieldsOf(extra))) {
    const escaped = encodeURIComponent(name).replaceAll("(", "%28").replaceAll(")", "%29");
    if (Array.isArray(values)) headers[`impersonate-extra-${escaped.toLowerCase()}`] = values.map(String);
  }
  return headers;
}

/** It keeps its token, and has it renewed. The client is told of nothing else, as it refuses much that does not matter here. */
async function providerOf(user: Fields): Promise<() => Promise<Proof>> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  const context = { cluster: "api", user: "api" };
  config.loadFromString(
    JSON.stringify({
      clusters: [{ name: "api", cluster: { server: "https://api" } }],
      users: [{ name: "api", user: { "auth-provider": user["auth-provider"] } }],
      contexts: [{ name: "api", context }],
      "current-context": "api",
    }),
  );
  return async () => {
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    const header = Object.entries(options.headers ?? {}).find(([name]) => name.toLowerCase() === "authorization");
    return { token: header && String(header[1]).replace(/^Bearer /, ""), tls: {} };
  };
}
