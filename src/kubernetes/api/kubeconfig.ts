/**
 * kubeconfig files, read by the official client, since users prove who they are there in a dozen ways (tokens, programs that
 * are run, identity providers). It takes 52 MiB of memory and is loaded for nothing else.
 */
import { readFile } from "node:fs/promises";
import type { RequestOptions } from "node:https";
import { dirname, resolve } from "node:path";
import type { KubeConfig } from "@kubernetes/client-node";
import type { Credentials, TlsMaterial } from "./access.ts";

interface KubeconfigAccess extends Credentials {
  readonly server: URL;
  readonly proxy: string | undefined;
}

/** Gives what reads the file's credentials as they are now; the file itself is read again when it has changed. */
export async function kubeconfigReader(file: string, context?: string): Promise<() => Promise<KubeconfigAccess>> {
  const [client, { load }] = await Promise.all([import("@kubernetes/client-node"), import("js-yaml")]);
  let text = "";
  let config = new client.KubeConfig();
  let tokenFile: string | undefined;
  return async () => {
    const now = await readFile(file, "utf8");
    if (now !== text) {
      const fresh = new client.KubeConfig();
      fresh.loadFromFile(file);
      if (context !== undefined) fresh.setCurrentContext(context);
      checkContext(fresh, file);
      // Kept as long as the text stays, since programs and providers cache their tokens in it.
      [config, text] = [fresh, now];
      tokenFile = tokenFileOf(load(text), config.getCurrentUser()?.name, file);
    }
    return await accessOf(config, tokenFile);
  };
}

interface Kubeconfig {
  readonly users?: readonly { readonly name?: unknown; readonly user?: { readonly tokenFile?: unknown } | null }[];
}

/** The client knows nothing of this field. Relative to the file that names it. */
function tokenFileOf(content: unknown, user: string | undefined, file: string): string | undefined {
  const users = (content as Kubeconfig | null)?.users;
  const path = Array.isArray(users) ? users.find(({ name }) => name === user)?.user?.tokenFile : undefined;
  return typeof path === "string" && path !== "" ? resolve(dirname(file), path) : undefined;
}

function checkContext(config: KubeConfig, file: string): void {
  const name = config.getCurrentContext();
  if (config.getContextObject(name) === null) throw new Error(`context "${name}" does not exist in ${file}`);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error(`context "${name}" names no cluster that is in ${file}`);
  const { proxyUrl } = cluster;
  if (proxyUrl && !/^(https?|socks5):$/.test(URL.parse(proxyUrl)?.protocol ?? ""))
    throw new Error(`proxy-url "${proxyUrl}" in ${file}, expected a URL with http, https or socks5`);
}

async function accessOf(config: KubeConfig, tokenFile: string | undefined): Promise<KubeconfigAccess> {
  const cluster = config.getCurrentCluster()!;
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value);
  if (options.auth) headers.authorization ??= `Basic ${Buffer.from(options.auth).toString("base64")}`;
  // It counts before a token in the kubeconfig, and is read each time, since it is replaced before it ends.
  if (tokenFile !== undefined) headers.authorization = `Bearer ${(await readFile(tokenFile, "utf8")).trim()}`;
  // The client leaves out the cluster's CA when the context has no user.
  const ca = options.ca ?? (await clusterCa(cluster));
  return {
    server: new URL(cluster.server),
    proxy: cluster.proxyUrl || undefined,
    headers,
    tls: {
      ...(ca && { ca: asText(ca) }),
      ...(options.cert && { cert: asText(options.cert) }),
      ...(options.key && { key: asText(options.key) }),
      ...(options.passphrase && { passphrase: options.passphrase }),
      ...(cluster.tlsServerName && { servername: cluster.tlsServerName }),
      ...(cluster.skipTLSVerify && { rejectUnauthorized: false }),
    } satisfies TlsMaterial,
  };
}

async function clusterCa(cluster: { readonly caFile?: string; readonly caData?: string }): Promise<Buffer | undefined> {
  if (cluster.caFile) return await readFile(cluster.caFile);
  return cluster.caData ? Buffer.from(cluster.caData, "base64") : undefined;
}

/** The client gives the contents of PEM files; Node's types allow lists and objects too. */
function asText(material: unknown): Buffer | string {
  return Buffer.isBuffer(material) ? material : String(material);
}
