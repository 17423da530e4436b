/**
 * Three ways to the API: the files that every pod is given, an address with a client certificate, and a kubeconfig file.
 * Tokens live an hour and certificates a year, and their files are replaced while we run: they are read again at the first
 * request after a few seconds, which costs less than finding out by what rules their dates change (the kubelet swaps links).
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { endpointText } from "../../corefile/host-port.ts";
import type { Access, Credentials, TlsMaterial } from "./access.ts";
import { ExecFailure } from "./exec-program.ts";
import { Kubeconfig } from "./kubeconfig.ts";
import { environmentProxy } from "./proxy.ts";

/** How long what was read counts as new. Data must not be away for more than 5 s when a token changes. */
const FRESH_MS = 2_000;

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

export interface ClientFiles {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
  /** A file with a bearer token. */
  readonly token?: string;
}

/** As client-go does it within a pod. Throws when this is none. */
export function inCluster(env: NodeJS.ProcessEnv = process.env, directory: string = SERVICE_ACCOUNT): Access {
  const host = env.KUBERNETES_SERVICE_HOST;
  const port = env.KUBERNETES_SERVICE_PORT;
  if (!host || !port) {
    throw new Error(
      "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined",
    );
  }
  const server = new URL(`https://${endpointText(host, port)}`);
  return fromFiles(server, { ca: join(directory, "ca.crt"), token: join(directory, "token") });
}

export function fromEndpoint(url: string, files: ClientFiles = {}): Access {
  return fromFiles(new URL(url), files);
}

/** With the current context of the file, unless one is named. Rejects when the file has no such context. */
export async function fromKubeconfig(file: string, context?: string): Promise<Access> {
  const kubeconfig = await Kubeconfig.open(file, context);
  return new RereadAccess(kubeconfig.server, (refused) => kubeconfig.credentials(refused), kubeconfig);
}

function fromFiles(server: URL, files: ClientFiles): Access {
  return new RereadAccess(server, async () => {
    const [ca, cert, key, token] = await Promise.all([
      optional(files.ca),
      optional(files.cert),
      optional(files.key),
      optional(files.token),
    ]);
    return {
      headers: token === undefined ? {} : { authorization: `Bearer ${token.toString("latin1").trim()}` },
      tls: { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) },
    };
  });
}

async function optional(file: string | undefined): Promise<Buffer | undefined> {
  return file === undefined ? undefined : await readFile(file);
}

class RereadAccess implements Access {
  readonly server: URL;
  readonly proxy: string | undefined;
  readonly context: string | undefined;
  readonly #read: (refused: boolean) => Promise<Credentials>;
  #known: Credentials | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  #refused = false;
  #reading: Promise<Credentials> | undefined;

  constructor(server: URL, read: (refused: boolean) => Promise<Credentials>, kubeconfig?: Kubeconfig) {
    this.server = server;
    this.proxy = kubeconfig?.proxy ?? environmentProxy(server);
    this.context = kubeconfig?.context;
    this.#read = read;
  }

  refresh(refused = false): void {
    this.#readAt = Number.NEGATIVE_INFINITY;
    this.#refused ||= refused;
  }

  credentials(): Promise<Credentials> {
    if (this.#known !== undefined && performance.now() - this.#readAt < FRESH_MS) return Promise.resolve(this.#known);
    this.#reading ??= this.#readAgain().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readAgain(): Promise<Credentials> {
    this.#readAt = performance.now();
    const refused = this.#refused;
    this.#refused = false;
    try {
      const found = await this.#read(refused);
      const tls = this.#known !== undefined && isSame(found.tls, this.#known.tls) ? this.#known.tls : found.tls;
      this.#known = { headers: found.headers, tls };
    } catch (error) {
      // What a program gave before has expired, or was refused.
      if (error instanceof ExecFailure) this.#known = undefined;
      // A file that is being replaced is not there for a moment: what it held may be good still.
      if (this.#known === undefined) throw error;
    }
    return this.#known;
  }
}

function isSame(a: TlsMaterial, b: TlsMaterial): boolean {
  return (
    String(a.ca) === String(b.ca) &&
    String(a.cert) === String(b.cert) &&
    String(a.key) === String(b.key) &&
    a.servername === b.servername &&
    a.rejectUnauthorized === b.rejectUnauthorized
  );
}
