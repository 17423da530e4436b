/**
 * kubeconfig files, read by the official client, since users prove who they are there in a dozen ways (tokens, programs that
 * are run, identity providers). It takes 52 MiB of memory and is loaded for nothing else.
 */
import { readFile } from "node:fs/promises";
import type { RequestOptions } from "node:https";
import type { KubeConfig } from "@kubernetes/client-node";
import type { Credentials, TlsMaterial } from "./access.ts";

interface KubeconfigAccess extends Credentials {
  readonly server: URL;
}

/** Gives what reads the file's credentials as they are now; the file itself is read again when it has changed. */
export async function kubeconfigReader(file: string, context?: string): Promise<() => Promise<KubeconfigAccess>> {
  const client = await import("@kubernetes/client-node");
  let text = "";
  let config = new client.KubeConfig();
  return async () => {
    const now = await readFile(file, "utf8");
    if (now !== text) {
      const fresh = new client.KubeConfig();
      fresh.loadFromFile(file);
      if (context !== undefined) fresh.setCurrentContext(context);
      checkContext(fresh, file);
      // Kept as long as the text stays, since programs and providers cache their tokens in it.
      [config, text] = [fresh, now];
    }
    return await accessOf(config);
  };
}

function checkContext(config: KubeConfig, file: string): void {
  const name = config.getCurrentContext();
  if (config.getContextObject(name) === null) throw new Error(`context "${name}" does not exist in ${file}`);
  if (config.getCurrentCluster() === null) throw new Error(`context "${name}" names no cluster that is in ${file}`);
}

async function accessOf(config: KubeConfig): Promise<KubeconfigAccess> {
  const cluster = config.getCurrentCluster()!;
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value);
  if (options.auth) headers.authorization ??= `Basic ${Buffer.from(options.auth).toString("base64")}`;
  // The client leaves out the cluster's CA when the context has no user.
  const ca = options.ca ?? (await clusterCa(cluster));
  return {
    server: new URL(cluster.server),
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
