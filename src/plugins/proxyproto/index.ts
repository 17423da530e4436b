/**
 * proxyproto: takes the client's address from the PROXY protocol's header, which a load balancer or proxy puts before what
 * it passes on. What stands in the chain (acl, log, rrl, whoami) sees that address; replies go back to the proxy.
 *
 * Versions 1 and 2 over TCP, at the start of a connection, and version 2 over UDP, at the start of each datagram. A header
 * that says LOCAL (a proxy that asks for itself) changes nothing, and what comes without a header is a query of the proxy's
 * own. A datagram whose header is wrong is dropped, and a connection ended. Anybody who may send a header may say who he is,
 * so `allow` the proxies by name.
 *
 * All of a listener's queries are read so, whatever block they are for; when several have this plugin the first one decides.
 * The limits under overload stay with the address that the datagrams come from, which is all that the kernel sees.
 * What is not answered is counted in `weftdns_drops_total{stage="server",reason="proxy_header"}`.
 *
 * Syntax    proxyproto {
 *             allow NETWORK...                     whose headers count, as 192.0.2.0/24. Default: everybody's
 *             default use|ignore|reject|skip       what becomes of headers from elsewhere. Default: ignore with `allow`,
 *                                                  else use
 *             udp_session_tracking DURATION [MAX]  off; MAX 10240
 *             tlv_metadata                         off
 *           }
 *           use      the header says who asks
 *           ignore   the header is taken off, and the proxy asks
 *           reject   who sends a header is not answered
 *           skip     it is not looked for: with a header it is no DNS message
 *           udp_session_tracking   a header holds for later datagrams from the same port of the proxy, even one with nothing
 *                                  behind it (as Cloudflare Spectrum sends it), until none has come for DURATION. Of more than MAX
 *                                  such ports, those that were silent for longest are forgotten
 * Metadata  proxyproto/tlv   with `tlv_metadata`: the type-length-value records of a version 2 header, in hexadecimal
 * Metrics   weftdns_proxyproto_headers_total{server,version}   headers that count, LOCAL ones included
 * Ready     at once
 * Example
 *   .:1053 {
 *     proxyproto {
 *       allow 127.0.0.0/8 ::1/128
 *     }
 *     whoami
 *   }
 *
 *   kdig @127.0.0.1 -p 1053 +proxy=192.0.2.7-192.0.2.53 example.org
 */
import type { Directive, Option } from "../../corefile/directive.ts";
import { parseDuration } from "../../corefile/duration.ts";
import { type Network, type NetworkSet, packNetworks, parseNetwork } from "../../plugin/network-set.ts";
import { definePlugin, inSupervisor, inWorker } from "../../plugin/plugin.ts";

export type Policy = "use" | "ignore" | "reject" | "skip";
const POLICIES: readonly Policy[] = ["use", "ignore", "reject", "skip"];

export interface ProxyConfig {
  /** Whose headers count; undefined: those of all. */
  allowed: NetworkSet | undefined;
  /** For all others, and for everybody when nobody is named. */
  others: Policy;
  /** 0: datagrams without a header have no session. */
  sessionMs: number;
  maxSessions: number;
  keepsExtras: boolean;
}

const DEFAULT_SESSIONS = 10_240;
/** 53 MiB of sessions; 500 with what `tlv_metadata` keeps. */
const MAX_SESSIONS = 1_000_000;

export const proxyproto = definePlugin<ProxyConfig>({
  name: "proxyproto",
  isSetupOnly: true,
  parse,
  control: inSupervisor(() => import("./control.ts")),
  serve: inWorker(() => import("./serve.ts")),
});

function parse(directive: Directive): ProxyConfig {
  const networks: Network[] = [];
  let others: Policy | undefined;
  const config: ProxyConfig = {
    allowed: undefined,
    others: "use",
    sessionMs: 0,
    maxSessions: DEFAULT_SESSIONS,
    keepsExtras: false,
  };
  const readers = {
    allow: (line: Option) => {
      while (line.left > 0) networks.push(readNetwork(line));
    },
    default: (line: Option) => {
      const word = line.token(POLICIES.join(", ")).text.toLowerCase();
      others = POLICIES.find((policy) => policy === word) ?? line.wrongCount(POLICIES.join(", "));
    },
    udp_session_tracking: (line: Option) => {
      const token = line.token();
      const ms =
        parseDuration(token.text) ?? line.fail(`udp_session_tracking: invalid duration "${token.text}"`, token);
      config.sessionMs = Math.max(ms, 0);
      if (line.left > 0) config.maxSessions = readMaximum(line);
    },
    tlv_metadata: (line: Option) => {
      line.noArguments();
      config.keepsExtras = true;
    },
  } satisfies Record<string, (line: Option) => void>;
  for (const stanza of directive.stanzas) stanza.eachOption(readers);
  if (networks.length > 0) config.allowed = packNetworks(networks);
  config.others = others ?? (networks.length > 0 ? "ignore" : "use");
  return config;
}

function readNetwork(line: Option): Network {
  const token = line.token();
  return parseNetwork(token.text) ?? line.fail(`${token.text}: invalid CIDR address: ${token.text}`, token);
}

function readMaximum(line: Option): number {
  const token = line.token();
  const count = /^\+?[0-9]+$/.test(token.text) ? Number(token.text) : 0;
  if (count >= 1 && count <= MAX_SESSIONS) return count;
  const bound = count > MAX_SESSIONS ? `at most ${MAX_SESSIONS}` : "a positive integer";
  return line.fail(`udp_session_tracking: invalid max sessions "${token.text}": must be ${bound}`, token);
}
