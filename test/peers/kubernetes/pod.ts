/**
 * Runs a server as a pod would: the files of its account stand where every pod has them, in a mount namespace of its own, and
 * two variables lead to the API.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Cluster } from "./cluster.ts";

/** Below /run, which is what /var/run leads to. */
const ACCOUNT = "/run/secrets/kubernetes.io/serviceaccount";

/** Why this cannot be done here; undefined when it can. */
export function whyNoPods(): string | undefined {
  return spawnSync("unshare", ["-m", "true"]).status === 0 ? undefined : "mount namespaces are not allowed here";
}

export class PodFiles {
  readonly environment: Readonly<Record<string, string>>;
  readonly #account: string;
  readonly #directory: string;

  constructor(cluster: Cluster) {
    this.#directory = cluster.directory;
    this.#account = join(cluster.directory, "pod");
    this.environment = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(cluster.port) };
    mkdirSync(this.#account);
    writeFileSync(join(this.#account, "ca.crt"), cluster.ca);
    writeFileSync(join(this.#account, "namespace"), "kube-system");
  }

  /** As the kubelet does it: the new token takes the old one's place at once. */
  writeToken(token: string): void {
    writeFileSync(join(this.#account, "token.new"), token);
    renameSync(join(this.#account, "token.new"), join(this.#account, "token"));
  }

  /** A program that starts `program` in the pod, with the arguments that it is given. */
  wrap(name: string, program: string): string {
    const path = join(this.#directory, name);
    const setup = `mount -t tmpfs none /run && mkdir -p ${ACCOUNT} && mount --bind ${this.#account} ${ACCOUNT}`;
    writeFileSync(path, `#!/bin/sh\nexec unshare -m sh -ec '${setup}; exec "$0" "$@"' ${program} "$@"\n`);
    chmodSync(path, 0o755);
    return path;
  }
}
