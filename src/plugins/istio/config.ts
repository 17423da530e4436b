/** What `istio` is told, and how its options are read. */
import type { Directive, Option } from "../../corefile/directive.ts";
import { type AccessConfig, accessReaders } from "../../kubernetes/access-options.ts";

export interface IstioConfig extends AccessConfig {
  readonly zones: string[];
  /** Whose view of the entries is shown: a namespace, CLIENT, or empty for all entries. */
  namespace: string;
  endpoints: boolean;
  defaultAddresses: string[];
  ttl: number;
  fallthrough: string[];
  startupTimeoutMs: number;
}

/** In the place of a namespace: that of the pod that asks. */
export const CLIENT = "@client";

/** The plugin of old said an hour, for which clients would stay with an address that an entry has lost. */
const DEFAULT_TTL = 30;
const MAX_TTL = 3_600;
const DEFAULT_STARTUP_TIMEOUT_MS = 5_000;
/** RFC 1123 section 2.1, as the API demands it of namespaces. */
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

export function parse(directive: Directive): IstioConfig {
  const stanza = directive.once();
  const config: IstioConfig = {
    zones: stanza.zones(),
    endpoint: undefined,
    tls: undefined,
    kubeconfig: undefined,
    namespace: "",
    endpoints: false,
    defaultAddresses: [],
    ttl: DEFAULT_TTL,
    fallthrough: [],
    startupTimeoutMs: DEFAULT_STARTUP_TIMEOUT_MS,
  };
  stanza.eachOption({
    ...accessReaders(config),
    namespace: (line) => {
      config.namespace = readNamespace(line);
    },
    endpoints: (line) => {
      line.noArguments();
      config.endpoints = true;
    },
    default_address: (line) => {
      do config.defaultAddresses.push(line.ip());
      while (line.left > 0);
    },
    ttl: (line) => {
      config.ttl = line.integer({ min: 0, max: MAX_TTL });
    },
    fallthrough: (line) => {
      config.fallthrough = line.fallthrough();
    },
    startup_timeout: (line) => {
      config.startupTimeoutMs = line.duration();
    },
  });
  return config;
}

function readNamespace(line: Option): string {
  const expected = `a namespace or ${CLIENT}`;
  const token = line.token(expected);
  if (token.text === CLIENT || NAMESPACE.test(token.text)) return token.text;
  return line.fail(`invalid namespace '${token.text}', expected ${expected}`, token);
}
