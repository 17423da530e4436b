/**
 * A real cluster's API: etcd and kube-apiserver on loopback, with RBAC, in a folder of their own. No controllers, no
 * scheduler, no kubelet: objects stay as a test writes them. Ready after some seconds, 300 MiB.
 *
 *     const cluster = await Cluster.start();
 *     await cluster.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request as requestPlain } from "node:http";
import { Agent, request as requestTls } from "node:https";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubernetesObject } from "../../../src/kubernetes/api/resource.ts";
import { freePorts } from "../../support/server.ts";
import { buildPrograms, type Programs } from "./build.ts";

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the API says, tests pick what they look for
  readonly body: any;
}

/** On a machine that runs other tests beside. */
const START_MS = 60_000;
/** The API server ends its watches and its post-start hooks first. */
const STOP_MS = 10_000;
/** A request that takes longer is lost. */
const REQUEST_MS = 15_000;

/** How often is looked for what comes soon, and for how many times whether a new definition is served. */
const LOOK_MS = 100;
const DEFINITION_LOOKS = 100;
/** And for how many times whether a server that says 429 has got ready. */
const BUSY_LOOKS = 100;

const ADMIN_TOKEN = "admin-of-this-test";

export class Cluster {
  readonly directory: string = mkdtempSync(join(tmpdir(), "weftdns-cluster-"));
  readonly adminToken = ADMIN_TOKEN;
  readonly #programs: Programs;
  readonly #ports: readonly number[];
  #etcd: ChildProcess | undefined;
  #apiserver: ChildProcess | undefined;
  #agent = new Agent({ keepAlive: true });

  private constructor(programs: Programs, ports: readonly number[]) {
    this.#programs = programs;
    this.#ports = ports;
  }

  /** Builds the programs where that has not been done, starts them, and waits until the API is ready. */
  static async start(): Promise<Cluster> {
    const cluster = new Cluster(await buildPrograms(), await freePorts(3));
    try {
      cluster.#writeFiles();
      cluster.#startEtcd();
      await cluster.#startApiserver();
    } catch (error) {
      const log = cluster.log.slice(-4_000);
      await cluster.stop();
      throw new Error(`the cluster did not start: ${error}\n${log}`);
    }
    return cluster;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#ports[0]}`;
  }

  get port(): number {
    return this.#ports[0]!;
  }

  /** The certificate that clients verify the server by: a file, and its text. */
  get caFile(): string {
    return join(this.directory, "apiserver.crt");
  }

  get ca(): string {
    return readFileSync(this.caFile, "utf8");
  }

  /** For programs that read one; the user is the administrator. */
  get kubeconfig(): string {
    return join(this.directory, "kubeconfig");
  }

  /** What both servers have printed. */
  get log(): string {
    return ["etcd.log", "apiserver.log"].map((name) => readFileSync(join(this.directory, name), "utf8")).join("");
  }

  /**
   * One request to the API, by the administrator unless another token is given. Asks again when the API says 429, as every
   * client of it does: a server that has just started answers lists so until it has read etcd.
   */
  async request(method: string, path: string, body?: unknown, token: string = ADMIN_TOKEN): Promise<Answer> {
    for (let left = BUSY_LOOKS; ; left--) {
      const answer = await this.#ask(method, path, body, token);
      if (answer.status !== 429 || left === 0) return answer;
      await sleep(LOOK_MS);
    }
  }

  /** The objects at a path. Throws what the API says when it does not give them. */
  async list(path: string): Promise<readonly KubernetesObject[]> {
    return (await this.#expect("GET", path)).body.items;
  }

  #ask(method: string, path: string, body: unknown, token: string): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const patches = method === "PATCH" ? "application/apply-patch+yaml" : "application/json";
    return new Promise((resolve, reject) => {
      const sent = requestTls(
        `${this.url}${path}`,
        {
          method,
          agent: this.#agent,
          ca: this.ca,
          headers: { authorization: `Bearer ${token}`, ...(text !== undefined && { "content-type": patches }) },
          signal: AbortSignal.timeout(REQUEST_MS),
        },
        async (response) => {
          try {
            const parts: Buffer[] = [];
            for await (const part of response) parts.push(part as Buffer);
            resolve({ status: response.statusCode!, body: parse(Buffer.concat(parts).toString()) });
          } catch (error) {
            reject(error);
          }
        },
      );
      sent.on("error", reject);
      sent.end(text);
    });
  }

  /** Creates objects, one after the other. Throws what the API says when it refuses one. */
  async create(...objects: readonly KubeObject[]): Promise<void> {
    for (const object of objects) await this.#expect("POST", await this.#pathOf(object), object);
  }

  /** The same for objects whose definition is new: it is taken at once, its path is served a moment later. */
  async createSoon(object: KubeObject): Promise<void> {
    for (let left = DEFINITION_LOOKS; ; left--) {
      const error = await this.create(object).then(
        () => undefined,
        (reason: Error) => reason,
      );
      if (error === undefined) return;
      if (left === 0) throw error;
      await sleep(LOOK_MS);
    }
  }

  /** Creates or changes, by server-side apply. */
  async apply(...objects: readonly KubeObject[]): Promise<void> {
    for (const object of objects) {
      const path = `${await this.#pathOf(object)}/${object.metadata.name}?fieldManager=test&force=true`;
      await this.#expect("PATCH", path, object);
    }
  }

  async delete(...objects: readonly KubeObject[]): Promise<void> {
    for (const object of objects) {
      const grace = object.kind === "Pod" ? "?gracePeriodSeconds=0" : "";
      await this.#expect("DELETE", `${await this.#pathOf(object)}/${object.metadata.name}${grace}`);
    }
  }

  /**
   * A new token of a ServiceAccount. One that is bound to a Secret ends with it, ten seconds later at most, as long as the
   * API server remembers tokens that it has verified.
   */
  async token(namespace: string, name: string, secret?: string): Promise<string> {
    const bound = secret === undefined ? {} : { boundObjectRef: { kind: "Secret", apiVersion: "v1", name: secret } };
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    const spec = { audiences: null, expirationSeconds: 3600, ...bound };
    const { body } = await this.#expect("POST", path, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec,
    });
    return body.status.token;
  }

  /** Applies the manifests that a kustomization names by whole paths; `dry`: the API only says whether it would take them. */
  async applyKustomization(fields: Readonly<Record<string, readonly string[]>>, dry = false): Promise<string> {
    const directory = mkdtempSync(join(this.directory, "kustomize-"));
    const relatives = Object.entries(fields).map(([field, paths]) => [
      field,
      paths.map((path) => relative(directory, path)),
    ]);
    writeFileSync(join(directory, "kustomization.yaml"), JSON.stringify(Object.fromEntries(relatives)));
    return this.kubectl(["apply", "--server-side", ...(dry ? ["--dry-run=server"] : []), "-k", directory]);
  }

  /** Runs kubectl as the administrator. Gives all that it printed; throws that when it fails. */
  kubectl(words: readonly string[], input = ""): Promise<string> {
    return new Promise((resolve, reject) => {
      const environment = { ...process.env, KUBECONFIG: this.kubeconfig, HOME: this.directory };
      const child = execFile(this.#programs.kubectl, words, { env: environment }, (error, stdout, stderr) => {
        if (error) reject(new Error(`kubectl ${words.join(" ")}: ${stdout}${stderr}`));
        else resolve(stdout + stderr);
      });
      child.stdin?.on("error", () => {});
      child.stdin?.end(input);
    });
  }

  /** Ends the API server and starts it again on the same port. SIGKILL cuts all watches at once. */
  async restart(signal: "SIGTERM" | "SIGKILL" = "SIGKILL"): Promise<void> {
    await this.halt(signal);
    await this.#startApiserver();
  }

  /** Ends the API server; `restart` brings it back. */
  async halt(signal: "SIGTERM" | "SIGKILL" = "SIGKILL"): Promise<void> {
    await end(this.#apiserver, signal);
    this.#agent.destroy();
    this.#agent = new Agent({ keepAlive: true });
  }

  /** Forgets all revisions before the last one in etcd: who continues from an older one gets 410. */
  async compact(): Promise<void> {
    const { header } = await this.#askEtcd("/v3/maintenance/status", {});
    await this.#askEtcd("/v3/kv/compaction", { revision: header.revision, physical: true });
  }

  async stop(): Promise<void> {
    await end(this.#apiserver, "SIGKILL");
    await end(this.#etcd, "SIGKILL");
    this.#agent.destroy();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #writeFiles(): void {
    const write = (name: string, text: string) => writeFileSync(join(this.directory, name), text, { mode: 0o600 });
    write("etcd.log", "");
    write("apiserver.log", "");
    write("tokens.csv", `${ADMIN_TOKEN},admin,1,system:masters\n`);
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    write("accounts.key", privateKey.export({ type: "sec1", format: "pem" }));
    const name = "test";
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name, cluster: { server: this.url, "certificate-authority": this.caFile } }],
      users: [{ name, user: { token: ADMIN_TOKEN } }],
      contexts: [{ name, context: { cluster: name, user: name } }],
      "current-context": name,
    };
    write("kubeconfig", JSON.stringify(config));
  }

  #startEtcd(): void {
    const [, client, peer] = this.#ports;
    const peerUrl = `http://127.0.0.1:${peer}`;
    this.#etcd = this.#spawn(this.#programs.etcd, "etcd.log", {
      "data-dir": join(this.directory, "etcd"),
      "listen-client-urls": `http://127.0.0.1:${client}`,
      "advertise-client-urls": `http://127.0.0.1:${client}`,
      "listen-peer-urls": peerUrl,
      "initial-advertise-peer-urls": peerUrl,
      "initial-cluster": `default=${peerUrl}`,
      "log-level": "error",
      // Nobody will miss it when the machine fails.
      "unsafe-no-fsync": "true",
    });
  }

  async #startApiserver(): Promise<void> {
    const key = join(this.directory, "accounts.key");
    this.#apiserver = this.#spawn(this.#programs.apiserver, "apiserver.log", {
      "etcd-servers": `http://127.0.0.1:${this.#ports[1]}`,
      "bind-address": "127.0.0.1",
      "secure-port": String(this.port),
      // It makes a certificate there, once.
      "cert-dir": this.directory,
      "token-auth-file": join(this.directory, "tokens.csv"),
      "authorization-mode": "RBAC",
      "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
      "service-account-key-file": key,
      "service-account-signing-key-file": key,
      "service-cluster-ip-range": "10.96.0.0/16,fd00:10:96::/112",
      // No controller makes the account `default` that it would want for every pod.
      "disable-admission-plugins": "ServiceAccount",
      "endpoint-reconciler-type": "none",
      // So that etcd does not forget by itself what a test wants to ask for.
      "etcd-compaction-interval": "0",
    });
    await this.#ready(this.#apiserver);
  }

  #spawn(program: string, log: string, flags: Readonly<Record<string, string>>): ChildProcess {
    const words = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    const output = openSync(join(this.directory, log), "a");
    // Ends with this process, whatever ends that.
    return spawn("setpriv", ["--pdeathsig", "KILL", "--", program, ...words], {
      cwd: this.directory,
      stdio: ["ignore", output, output],
    });
  }

  async #ready(child: ChildProcess): Promise<void> {
    const deadline = performance.now() + START_MS;
    for (;;) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error("the API server ended");
      const status = await this.request("GET", "/readyz").then(
        (answer) => answer.status,
        () => 0,
      );
      if (status === 200) return;
      if (performance.now() > deadline) throw new Error(`/readyz gave ${status} for ${START_MS} ms`);
      await sleep(LOOK_MS);
    }
  }

  /** Where objects of this kind are created, as the API itself tells. */
  async #pathOf({ apiVersion, kind, metadata }: KubeObject): Promise<string> {
    const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const { body } = await this.#expect("GET", root);
    const resources = body.resources as readonly { name: string; kind: string; namespaced: boolean }[];
    const resource = resources.find((one) => one.kind === kind && !one.name.includes("/"));
    if (!resource) throw new Error(`the API has no ${kind} in ${apiVersion}`);
    const scope = resource.namespaced ? `/namespaces/${metadata.namespace ?? "default"}` : "";
    return `${root}${scope}/${resource.name}`;
  }

  async #expect(method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await this.request(method, path, body);
    if (answer.status >= 300)
      throw new Error(`${method} ${path}: ${answer.status} ${answer.body?.message ?? answer.body}`);
    return answer;
  }

  // biome-ignore lint/suspicious/noExplicitAny: as in Answer
  #askEtcd(path: string, body: unknown): Promise<any> {
    return new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port: this.#ports[1], path, method: "POST", agent: false };
      const sent = requestPlain(options, async (response) => {
        const parts: Buffer[] = [];
        for await (const part of response) parts.push(part as Buffer);
        const text = Buffer.concat(parts).toString();
        if (response.statusCode === 200) resolve(parse(text));
        else reject(new Error(`etcd ${path}: ${response.statusCode} ${text}`));
      });
      sent.on("error", reject);
      sent.end(JSON.stringify(body));
    });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await closed;
  clearTimeout(timer);
}
