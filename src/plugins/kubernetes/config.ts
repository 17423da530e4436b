/** What `kubernetes` is told, and how its options are read. */
import type { Directive, Option, Stanza } from "../../corefile/directive.ts";
import { parseDuration } from "../../corefile/duration.ts";
import type { Token } from "../../corefile/server-block.ts";
import { isReverseZone, normalizeZone, zonesOf } from "../../corefile/zones.ts";
import { type AccessConfig, accessReaders } from "../../kubernetes/access-options.ts";
import { DOUBT_MODES, type DoubtMode } from "../../kubernetes/clusters.ts";
import { readTtl } from "../../kubernetes/ttl-option.ts";
import type { BlockSettings } from "../../plugin/block-settings.ts";
import { MAX_TIMER_MS } from "../../plugin/timer.ts";
import { selectorProblem } from "./selector.ts";

const POD_MODES = ["disabled", "verified", "insecure"] as const;
type PodMode = (typeof POD_MODES)[number];

export interface KubernetesConfig extends AccessConfig {
  zones: string[];
  /** Where PTR records lead to: one of `zones`. */
  primaryZone: string;
  /** Limits on requests; undefined: the client's own. */
  apiServerQps: number | undefined;
  apiServerBurst: number | undefined;
  apiServerMaxInflight: number | undefined;
  namespaces: string[];
  namespaceLabels: string;
  labels: string;
  pods: PodMode;
  endpointPodNames: boolean;
  ttl: number;
  endpoints: boolean;
  fallthrough: string[];
  ignoreEmptyService: boolean;
  multicluster: string[];
  zonal: boolean;
  startupTimeoutMs: number;
  wildcardQueries: boolean;
  /** What names get that were not there when the API was heard of last. */
  doubt: DoubtMode;
  /** 0: never. */
  checkIntervalMs: number;
  /** What the server block listens on; empty: everything. */
  boundAddresses: readonly string[];
}

const DEFAULT_TTL = 5;
const DEFAULT_STARTUP_TIMEOUT_MS = 5_000;
/** What is missed without any error is found and repaired within this time. */
const DEFAULT_CHECK_INTERVAL_MS = 300_000;
const MIN_CHECK_INTERVAL_MS = 1_000;
/** The wait for the next comparison is up to a tenth longer. */
const MAX_CHECK_INTERVAL_MS = Math.floor(MAX_TIMER_MS / 1.1);

export function parse(directive: Directive, block: BlockSettings): KubernetesConfig {
  const stanza = directive.once();
  const config: KubernetesConfig = {
    zones: stanza.zones(),
    primaryZone: "",
    endpoint: undefined,
    tls: undefined,
    kubeconfig: undefined,
    apiServerQps: undefined,
    apiServerBurst: undefined,
    apiServerMaxInflight: undefined,
    namespaces: [],
    namespaceLabels: "",
    labels: "",
    pods: "disabled",
    endpointPodNames: false,
    ttl: DEFAULT_TTL,
    endpoints: true,
    fallthrough: [],
    ignoreEmptyService: false,
    multicluster: [],
    zonal: false,
    startupTimeoutMs: DEFAULT_STARTUP_TIMEOUT_MS,
    wildcardQueries: false,
    doubt: "servfail",
    checkIntervalMs: DEFAULT_CHECK_INTERVAL_MS,
    boundAddresses: block.addresses ?? [],
  };
  stanza.eachOption(readers(config));
  config.primaryZone = findPrimaryZone(config.zones, stanza);
  checkTogether(config, stanza);
  return config;
}

function readers(config: KubernetesConfig): Record<string, (line: Option) => void> {
  return {
    ...accessReaders(config),
    apiserver_qps: (line) => {
      config.apiServerQps = readLimit(line, "ParseFloat");
    },
    apiserver_burst: (line) => {
      config.apiServerBurst = readLimit(line, "Atoi");
    },
    apiserver_max_inflight: (line) => {
      config.apiServerMaxInflight = readLimit(line, "Atoi");
    },
    namespaces: (line) => {
      config.namespaces.push(...line.rest({ atLeast: 1, what: "a namespace" }));
    },
    namespace_labels: (line) => {
      config.namespaceLabels = readSelector(line, "namespace_label");
    },
    labels: (line) => {
      config.labels = readSelector(line, "label");
    },
    pods: (line) => {
      line.exactly(1);
      const token = line.token();
      const mode = POD_MODES.find((word) => word === token.text);
      if (mode === undefined) {
        const expected = `must be one of: ${POD_MODES.join(", ")}`;
        return line.fail(`wrong value for pods: ${token.text},  ${expected}`, token, { form: "plain" });
      }
      config.pods = mode;
    },
    endpoint_pod_names: (line) => {
      line.noArguments();
      config.endpointPodNames = true;
    },
    ttl: (line) => {
      config.ttl = readTtl(line);
    },
    noendpoints: (line) => {
      line.noArguments();
      config.endpoints = false;
    },
    fallthrough: (line) => {
      config.fallthrough = line.fallthrough();
    },
    ignore: (line) => {
      const token = line.left === 0 ? undefined : line.token();
      if (token === undefined) return line.warn("says nothing without 'empty_service' behind it");
      // CoreDNS takes any words behind it.
      line.rest();
      if (token.text !== "empty_service") line.fail(`unable to parse ignore value: '${token.text}'`, token, PLAIN);
      config.ignoreEmptyService = true;
    },
    multicluster: (line) => {
      config.multicluster.push(...line.zones());
    },
    zonal: (line) => {
      line.noArguments();
      config.zonal = true;
    },
    startup_timeout: (line) => {
      config.startupTimeoutMs = readStartupTimeout(line);
    },
    wildcard_queries: (line) => {
      line.noArguments();
      config.wildcardQueries = true;
    },
    doubt: (line) => {
      config.doubt = line.oneOf(DOUBT_MODES);
    },
    check_interval: (line) => {
      const token = line.args[0];
      config.checkIntervalMs = Math.min(line.duration(), MAX_CHECK_INTERVAL_MS);
      if (config.checkIntervalMs > 0 && config.checkIntervalMs < MIN_CHECK_INTERVAL_MS)
        line.fail("check_interval must be 0 or at least 1s", token);
    },
    cidrs: (line) => {
      const zones = line.rest({ atLeast: 1, what: "a CIDR" }).map((text, i) => cidrZones(line, line.args[i]!, text));
      config.zones.push(...zones.flat());
      line.warn("is an old word, its reverse zones are named behind 'kubernetes' today");
    },
    upstream: withoutEffect("names outside the cluster are asked of this server itself"),
    resyncperiod: withoutEffect("what is known is compared with the API by check_interval"),
    transfer: withoutEffect("there are no transfers"),
    federation: withoutEffect("federations are no more"),
  };
}

const PLAIN = { form: "plain" } as const;

function withoutEffect(today: string): (line: Option) => void {
  return (line) => {
    line.rest();
    line.warn(`'${line.name}' is an old word without effect: ${today}`);
  };
}

function readLimit(line: Option, reader: "Atoi" | "ParseFloat"): number {
  line.exactly(1);
  const { name } = line;
  const token = line.token();
  const form = reader === "Atoi" ? /^[-+]?[0-9]+$/ : /^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[-+]?[0-9]+)?$/i;
  const value = form.test(token.text) ? Number(token.text) : Number.NaN;
  if (!Number.isFinite(value)) {
    line.fail(`invalid ${name} "${token.text}": strconv.${reader}: parsing "${token.text}": invalid syntax`, token);
  }
  if (value < 0) line.fail(`${name} must be >= 0`, token);
  return value;
}

/** Its words are one expression, in which blanks do not matter. */
function readSelector(line: Option, what: string): string {
  const text = line.rest({ atLeast: 1, what: "a label selector" }).join(" ");
  const problem = selectorProblem(text);
  if (problem === "") return text;
  const reason = `couldn't parse the selector string "${text}": ${problem}`;
  return line.fail(`unable to parse ${what} selector value: '${text}': ${reason}`, line.args[0], PLAIN);
}

function readStartupTimeout(line: Option): number {
  const token = line.token("a duration");
  // CoreDNS takes any words behind it.
  line.rest();
  const ms = parseDuration(token.text);
  if (ms === undefined) {
    const bare = /^[-+]?[0-9.]+$/.test(token.text);
    const reason = `time: ${bare ? "missing unit in" : "invalid"} duration "${token.text}"`;
    return line.fail(`failed to parse startup_timeout: ${token.text}, ${reason}`, token, PLAIN);
  }
  // CoreDNS ends with a panic at 0 and below.
  if (ms < 0) line.fail(`startup_timeout must not be negative: ${token.text}`, token);
  return ms;
}

function cidrZones(line: Option, token: Token, text: string): readonly string[] {
  const zones = zonesOf(text);
  return typeof zones === "string" ? line.fail(zones, token) : zones;
}

/**
 * CoreDNS does not take the two apexes of reverse zones for such; we do, unless there is nothing else, so that PTR records
 * lead to the cluster's zone whatever the order is.
 */
function findPrimaryZone(zones: readonly string[], stanza: Stanza): string {
  const forward = zones.find((zone) => !isReverseZone(zone));
  const primary = forward ?? zones.find((zone) => !/\.(in-addr|ip6)\.arpa\.$/.test(zone));
  return primary ?? stanza.fail("non-reverse zone name must be used", stanza.head, PLAIN);
}

function checkTogether(config: KubernetesConfig, stanza: Stanza): void {
  const last = stanza.options.at(-1)?.head ?? stanza.head;
  if (config.namespaces.length > 0 && config.namespaceLabels !== "")
    stanza.fail("namespaces and namespace_labels cannot both be set", last);
  const own = config.zones.map(normalizeZone);
  for (const zone of config.multicluster) {
    if (own.includes(zone)) continue;
    const zones = `(authoritative zones: [${own.join(" ")}])`;
    stanza.fail(`is not authoritative for the multicluster zone ${zone} ${zones}`, last);
  }
  if (config.zonal && !config.endpoints) stanza.fail("zonal requires the endpoint cache; remove noendpoints", last);
}
