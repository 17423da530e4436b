/**
 * `exec` of a kubeconfig: a program prints a token or a certificate, which is used until it expires or is refused.
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
 */
import { type ExecFileException, execFile } from "node:child_process";
import { resolve } from "node:path";
import { type Fields, fieldsOf, itemsOf } from "../fields.ts";
import type { Proof } from "./kubeconfig.ts";

/** One that asks another server takes seconds; one that waits for a person waits for nobody here. */
const RUN_MS = 30_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;
/** What it says of its failure, for a line of a log. */
const MAX_COMPLAINT = 200;
/** Where a cluster has what `provideClusterInfo` hands on. */
const EXTENSION = "client.authentication.k8s.io/exec";

export class ExecFailure extends Error {}

export class ExecProgram {
  readonly #command: string;
  readonly #arguments: readonly string[];
  readonly #environment: NodeJS.ProcessEnv;
  readonly #runMs: number;
  #proof: Proof | undefined;
  /** As `Date.now()`. */
  #expires = 0;

  /** A command with a slash that is no absolute path begins in `folder`, where the kubeconfig is. */
  constructor(exec: Fields, folder: string, cluster: Fields, runMs: number = RUN_MS) {
    const command = String(exec.command ?? "");
    this.#command = command.includes("/") ? resolve(folder, command) : command;
    this.#arguments = itemsOf(exec.args).map(String);
    const named = itemsOf(exec.env).map((one) => [String(fieldsOf(one).name), String(fieldsOf(one).value ?? "")]);
    this.#environment = {
      ...process.env,
      ...Object.fromEntries(named),
      KUBERNETES_EXEC_INFO: JSON.stringify({
        ...{ kind: "ExecCredential", apiVersion: exec.apiVersion },
        spec: { interactive: false, ...(exec.provideClusterInfo === true && { cluster: clusterInfo(cluster) }) },
      }),
    };
    this.#runMs = runMs;
  }

  async proof(): Promise<Proof> {
    if (this.#proof !== undefined && Date.now() < this.#expires) return this.#proof;
    const { token, clientCertificateData, clientKeyData, expirationTimestamp } = await this.#run();
    if (!token && !clientCertificateData) throw this.#failure("gave neither a token nor a certificate");
    this.#proof = {
      token: token ? String(token) : undefined,
      tls: clientCertificateData ? { cert: String(clientCertificateData), key: String(clientKeyData) } : {},
    };
    this.#expires = Date.parse(String(expirationTimestamp)) || Number.POSITIVE_INFINITY;
    return this.#proof;
  }

  /** The `status` that it prints. */
  #run(): Promise<Fields> {
    const options = {
      ...{ env: this.#environment, timeout: this.#runMs, maxBuffer: MAX_OUTPUT_BYTES },
      killSignal: "SIGKILL",
    } as const;
    return new Promise((done, fail) => {
      const child = execFile(this.#command, this.#arguments, options, (error, output, complaint) => {
        if (error !== null) return fail(this.#failure(this.#reason(error, complaint)));
        try {
          done(fieldsOf(fieldsOf(JSON.parse(output)).status));
        } catch {
          fail(this.#failure("printed no JSON"));
        }
      });
      child.stdin?.end();
    });
  }

  #reason({ code, killed, signal }: ExecFileException, complaint: string): string {
    if (killed && signal) return `did not end within ${this.#runMs / 1_000}s`;
    if (signal) return `was ended by ${signal}`;
    if (typeof code === "string") return code === "ENOENT" ? "was not found" : `cannot be run: ${code}`;
    const line = complaint.trim().slice(0, MAX_COMPLAINT);
    return `failed with exit code ${code}${line && `: ${line}`}`;
  }

  #failure(what: string): ExecFailure {
    return new ExecFailure(`exec: executable ${this.#command} ${what}`);
  }
}

function clusterInfo({ ca, extensions, ...cluster }: Fields): Fields {
  const extension = itemsOf(extensions).find((one) => fieldsOf(one).name === EXTENSION);
  return {
    server: cluster.server,
    "tls-server-name": cluster["tls-server-name"],
    "insecure-skip-tls-verify": cluster["insecure-skip-tls-verify"],
    "certificate-authority-data": Buffer.isBuffer(ca) ? ca.toString("base64") : undefined,
    "proxy-url": cluster["proxy-url"],
    config: fieldsOf(extension).extension,
  };
}
