/** How a Corefile says where the API is: the options that all plugins have that follow a cluster. */
import { stat } from "node:fs/promises";
import type { Option } from "../corefile/directive.ts";
import { systemMessage } from "../corefile/system-message.ts";
import type { Access } from "./api/access.ts";
import { fromEndpoint, fromKubeconfig, inCluster } from "./api/credentials.ts";

export interface AccessConfig {
  /** Absent, like `kubeconfig`, which counts before it: the cluster that the pod runs in. */
  endpoint: string | undefined;
  tls: { readonly cert: string; readonly key: string; readonly ca: string } | undefined;
  kubeconfig: { readonly path: string; readonly context: string } | undefined;
}

/** The readers of `endpoint`, `tls` and `kubeconfig`, by these names. */
export function accessReaders(config: AccessConfig): Record<string, (line: Option) => void> {
  return {
    endpoint: (line) => readEndpoint(line, config),
    tls: (line) => {
      line.exactly(3);
      config.tls = { cert: line.path(), key: line.path(), ca: line.path() };
      warnOfClear(line, config);
    },
    kubeconfig: (line) => {
      if (line.args.length > 2) line.exactly(2);
      config.kubeconfig = { path: line.path(), context: line.word({ default: "" }) };
    },
  };
}

/** Rejects when a file that is named is not there, which would be so for ever. */
export async function accessOf({ endpoint, tls, kubeconfig }: AccessConfig): Promise<Access> {
  if (kubeconfig !== undefined) {
    const { path, context } = kubeconfig;
    await stat(path).catch((error: unknown) => {
      throw new Error(`stat ${path}: ${systemMessage(error)}`);
    });
    return await fromKubeconfig(path, context === "" ? undefined : context);
  }
  const access = endpoint === undefined ? inCluster(process.env) : fromEndpoint(endpoint, tls);
  await access.credentials();
  return access;
}

function readEndpoint(line: Option, config: AccessConfig): void {
  const [first, ...others] = line.rest({ atLeast: 1, what: "a URL" });
  const token = line.args[0]!;
  if (others.length > 0) {
    const rule = "Multiple endpoints have been deprecated, only the first specified endpoint";
    line.warn(`${rule} '${first}' is used`, line.args[1]);
  }
  // As in the first years, `localhost:8080` will do; CoreDNS takes it for plain HTTP even with `tls`.
  const text = /^[a-z]+:\/\//i.test(first!) ? first! : `http://${first}`;
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === "") {
    line.fail(`invalid endpoint '${first}', expected a URL such as https://192.0.2.1:6443`, token);
  }
  config.endpoint = text;
  warnOfClear(line, config);
}

/** Called by either of the two options, as they come in any order. */
function warnOfClear(line: Option, { endpoint, tls }: AccessConfig): void {
  if (tls === undefined || endpoint === undefined || !/^http:/i.test(endpoint)) return;
  line.warn(`the API is asked without TLS, as '${endpoint}' does not begin with https://: 'tls' does nothing`);
}
