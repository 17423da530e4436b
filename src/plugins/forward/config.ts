/** What `forward` is told, and how its options are read. `proxy`, its name of the first years, gives the same. */

import { isIP } from "node:net";
import type { Option, Stanza } from "../../corefile/directive.ts";
import { parseDuration } from "../../corefile/duration.ts";
import { endpointText, splitAddress } from "../../corefile/host-port.ts";
import type { Line } from "../../corefile/line.ts";
import { isDomainName, normalizeZone, zonesOf } from "../../corefile/zones.ts";
import { Rcode, rcodeNumber } from "../../dns/types.ts";
import { MAX_TIMER_MS } from "../../plugin/timer.ts";
import { MAX_UPSTREAMS } from "../../upstream/exchange.ts";
import { parseTarget, type Target, tooManyUpstreams, withoutDuplicates } from "../../upstream/targets.ts";

/** Words behind FROM; each may stand for several servers (behaviour 3.E). */
const MAX_ARGUMENTS = 15;

const policies = ["random", "round_robin", "sequential"] as const;
export type Policy = (typeof policies)[number];

export interface ForwardConfig {
  readonly from: string;
  readonly targets: readonly Target[];
  except: string[];
  forceTcp: boolean;
  preferUdp: boolean;
  expireMs: number;
  maxIdle: number;
  maxAgeMs: number;
  readTimeoutMs: number;
  maxFails: number;
  /** Undefined: twice the number of upstreams. 0: until the deadline. */
  maxAttempts: number | undefined;
  policy: Policy;
  probeIntervalMs: number;
  probeRecursion: boolean;
  probeDomain: string;
  maxConcurrent: number;
  /** Rcodes with which the next forward in the chain is asked. */
  nextRcodes: number[];
  nextOnNodata: boolean;
  failoverRcodes: number[];
  failFast: boolean;
  source: string | undefined;
  resolvers: string[];
}

/** The defaults of behaviour 3.E. */
export function defaultConfig(from: string, targets: readonly Target[]): ForwardConfig {
  return {
    from,
    targets,
    except: [],
    forceTcp: false,
    preferUdp: false,
    expireMs: 10_000,
    maxIdle: 0,
    maxAgeMs: 0,
    readTimeoutMs: 2_000,
    maxFails: 2,
    maxAttempts: undefined,
    policy: "random",
    probeIntervalMs: 500,
    probeRecursion: true,
    probeDomain: ".",
    maxConcurrent: 0,
    nextRcodes: [],
    nextOnNodata: false,
    failoverRcodes: [],
    failFast: false,
    source: undefined,
    resolvers: [],
  };
}

/** `FROM TO...` */
export function readServers(stanza: Stanza): ForwardConfig {
  const from = readFrom(stanza);
  if (stanza.left === 0) stanza.wrongCount("an upstream");
  if (stanza.left > MAX_ARGUMENTS) {
    stanza.fail(`more than ${MAX_ARGUMENTS} TOs configured: ${stanza.left}`, stanza.head, { form: "plain" });
  }
  const targets: Target[] = [];
  while (stanza.left > 0) {
    const token = stanza.token();
    const found = parseTarget(token.text);
    if (typeof found === "string") stanza.fail(found, token, { form: "plain" });
    else targets.push(...found);
  }
  const different = withoutDuplicates(targets);
  if (different.length === 0) stanza.fail("no valid upstream addresses found", stanza.head, { form: "plain" });
  if (different.length > MAX_UPSTREAMS) {
    stanza.fail(tooManyUpstreams(different.length), stanza.head, { form: "plain" });
  }
  return defaultConfig(from, different);
}

function readFrom(stanza: Stanza): string {
  const token = stanza.token("a zone");
  const zones = zonesOf(token.text);
  if (typeof zones === "string") return stanza.fail(`unable to normalize '${token.text}'`, token, { form: "plain" });
  if (zones.length > 1) {
    const text = `Unsupported CIDR notation: '${token.text}' expands to multiple zones. Using only '${zones[0]}'.`;
    stanza.warn(text, token);
  }
  return zones[0]!;
}

/** The readers of the options. What they find out only together is checked by `checkTogether`. */
export function optionReaders(config: ForwardConfig): Record<string, (line: Option) => void> {
  return {
    except: (line) => {
      config.except.push(...readExcept(line));
    },
    force_tcp: (line) => {
      line.noArguments();
      config.forceTcp = true;
    },
    prefer_udp: (line) => {
      line.noArguments();
      config.preferUdp = true;
    },
    expire: (line) => {
      config.expireMs = readDuration(line);
    },
    max_idle_conns: (line) => {
      config.maxIdle = readCount(line);
    },
    max_age: (line) => {
      config.maxAgeMs = readDuration(line);
    },
    read_timeout: (line) => {
      const text = line.peek() ?? "";
      const ms = parseDuration(text);
      if (ms !== undefined && ms <= 0) refuse(line, `read_timeout must be positive: ${text}`);
      config.readTimeoutMs = line.duration();
    },
    max_fails: (line) => {
      config.maxFails = line.integer({ min: 0, max: 0xffff_ffff });
    },
    max_connect_attempts: (line) => {
      config.maxAttempts = line.integer({ min: 0, max: 0xffff_ffff });
    },
    policy: (line) => {
      config.policy = line.oneOf(policies);
    },
    health_check: (line) => readHealthCheck(line, config),
    max_concurrent: (line) => {
      config.maxConcurrent = readCount(line);
    },
    next: (line) => {
      config.nextRcodes.push(...readRcodes(line));
    },
    next_on_nodata: (line) => {
      line.noArguments();
      config.nextOnNodata = true;
    },
    failover: (line) => {
      const rcodes = readRcodes(line);
      if (rcodes.includes(Rcode.NOERROR)) refuse(line, "NoError cannot be used in failover");
      config.failoverRcodes.push(...rcodes);
    },
    failfast_all_unhealthy_upstreams: (line) => {
      line.noArguments();
      config.failFast = true;
    },
    source_address: (line) => {
      const token = line.token("an IP address");
      if (isIP(token.text) === 0) line.fail(`invalid IP address: ${token.text}`, token);
      config.source = token.text;
    },
    resolver: (line) => {
      for (const text of line.rest({ atLeast: 1, what: "an IP address" }))
        config.resolvers.push(readResolver(line, text));
    },
    tls: (line) => {
      if (line.rest().length > 3) line.wrongCount("no more than 3 arguments");
      line.warn("has no effect, since no upstream here is asked over TLS");
    },
    tls_servername: (line) => {
      line.word({ what: "a server name" });
      line.warn("has no effect, since no upstream here is asked over TLS");
    },
    doh_method: (line) => {
      const word = line.word({ what: "POST or GET" });
      if (!/^(POST|GET)$/i.test(word)) refuse(line, "doh_method must be either POST or GET");
      line.warn("has no effect, since no upstream here is asked over HTTPS");
    },
  };
}

export function checkTogether(stanza: Stanza, config: ForwardConfig): void {
  if (config.maxAgeMs === 0 || config.maxAgeMs >= config.expireMs) return;
  const line = stanza.options.findLast((option) => option.name === "max_age")!;
  const expire = stanza.options.findLast((option) => option.name === "expire")?.args[0]?.text ?? "10s";
  refuse(line, `max_age (${line.args[0]!.text}) must not be less than expire (${expire})`);
}

export function readExcept(line: Line): string[] {
  const zones: string[] = [];
  if (line.left === 0) line.wrongCount("a name");
  while (line.left > 0) {
    const token = line.token();
    const found = zonesOf(token.text);
    // CoreDNS takes any word here and never matches it.
    if (typeof found === "string") line.warn(`'${token.text}' is left out: ${found}`, token);
    else zones.push(...found);
  }
  return zones;
}

function readHealthCheck(line: Option, config: ForwardConfig): void {
  config.probeIntervalMs = Math.min(readDuration(line), MAX_TIMER_MS);
  while (line.left > 0) {
    const token = line.token();
    if (token.text === "no_rec") {
      config.probeRecursion = false;
    } else if (token.text === "domain") {
      if (line.left === 0) line.wrongCount("a domain name", token);
      const domain = line.token();
      if (!isDomainName(domain.text)) refuse(line, `health_check: invalid domain name ${domain.text}`);
      config.probeDomain = normalizeZone(domain.text);
    } else {
      refuse(line, `health_check: unknown option ${token.text}`);
    }
  }
}

function readRcodes(line: Option): number[] {
  return line.rest({ atLeast: 1, what: "an rcode such as NXDOMAIN" }).map((word) => {
    const rcode = rcodeNumber(word);
    return rcode < 0 ? refuse(line, `${word} is not a valid rcode`) : rcode;
  });
}

function readResolver(line: Option, text: string): string {
  const address = splitAddress(text, 53);
  if (address === undefined || isIP(address.host) === 0 || address.port === 0) {
    return refuse(line, `resolver must be an IP address or IP:port: "${text}"`);
  }
  return endpointText(address.host, address.port);
}

function readDuration(line: Option): number {
  const text = line.peek() ?? "";
  const ms = parseDuration(text);
  if (ms !== undefined && ms < 0) refuse(line, `${line.name} can't be negative: ${text}`);
  return line.duration();
}

function readCount(line: Option): number {
  const text = line.peek() ?? "";
  if (/^-[0-9]+$/.test(text)) refuse(line, `${line.name} can't be negative: ${text}`);
  return line.integer({ min: 0 });
}

/** CoreDNS says these without file and line. */
function refuse(line: Line, message: string): never {
  return line.fail(message, line.args[0] ?? line.head, { form: "plain" });
}
