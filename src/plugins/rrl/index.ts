/**
 * rrl: limits how many replies a network gets over UDP, so that the server is of no use to who forges addresses.
 *
 * A reflection attack asks small questions in the name of its victim, who gets the large replies. So replies are counted
 * by the network that the client's address lies in, and by what they say:
 *
 *   response   answers: each name and type by itself
 *   nodata     no records of the type: each name by itself
 *   nxdomain   no such name: all names of a zone, which the SOA record names, together
 *   referral   each delegation by itself
 *   error      all other rcodes together
 *
 * Each has an account, which gains ALLOWANCE a second, up to one second's worth (below 1: up to one), and pays one for each
 * reply. While it owes, there is no reply, and of these every Nth (`slip-ratio`) is one without records that says "truncated":
 * an honest client in the victim's network then asks over TCP, where nobody is limited. Nor is a client whose cookie is good
 * (see `cookie`).
 * The debt has a limit too, WINDOW seconds' worth, so a network is served again so long after the attack at the latest.
 *
 * Accounts are shared by all workers. When there are more than SIZE the one that owes least is forgotten. Look-ups of the
 * server's own are not limited. This is CoreDNS's external plugin of this name; `docs/differences.md` says where it differs.
 *
 * Syntax    rrl [ZONES...] {
 *             window SECONDS                   15; 1 to 3600
 *             ipv4-prefix-length LENGTH        24
 *             ipv6-prefix-length LENGTH        56
 *             responses-per-second ALLOWANCE   0: no limit
 *             nodata-per-second ALLOWANCE      as responses-per-second
 *             nxdomains-per-second ALLOWANCE   as responses-per-second
 *             referrals-per-second ALLOWANCE   as responses-per-second
 *             errors-per-second ALLOWANCE      as responses-per-second
 *             slip-ratio N                     0: no reply ever
 *             requests-per-second ALLOWANCE    0: no limit. Queries of a network beyond it are not looked at
 *             max-table-size SIZE              100000; 16 bytes each
 *             report-only                      counts and logs, but sends all
 *           }
 *           ZONES   default: the zones of the server block
 * Metrics   coredns_rrl_responses_exceeded_total{server}   replies beyond their limit, slipped ones included
 *           coredns_rrl_requests_exceeded_total{server}    queries beyond requests-per-second
 *           weftdns_rrl_slipped_total{server}              truncated replies in place of those
 * Ready     at once
 * Example
 *   example.org:1053 {
 *     rrl {
 *       responses-per-second 10
 *       slip-ratio 2
 *     }
 *     any
 *     whoami
 *   }
 *
 *   for i in $(seq 30); do dig @127.0.0.1 -p 1053 www.example.org +tries=1 +timeout=1 +ignore +short; done
 */
import type { Directive, Option } from "../../corefile/directive.ts";
import { definePlugin, inSupervisor, inWorker } from "../../plugin/plugin.ts";

/** What a reply says, and for `REQUEST` that a query came. */
export const Kind = { RESPONSE: 0, NODATA: 1, NXDOMAIN: 2, REFERRAL: 3, ERROR: 4, REQUEST: 5 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export interface RrlConfig {
  readonly zones: readonly string[];
  windowMs: number;
  ipv4Bits: number;
  ipv6Bits: number;
  /** A second, by `Kind`; 0: no limit. */
  allowances: readonly number[];
  slipRatio: number;
  size: number;
  reportOnly: boolean;
}

const DEFAULT_SIZE = 100_000;
/** 160 MiB of accounts. */
const MAX_SIZE = 10_000_000;
const MAX_WINDOW = 3_600;

export const rrl = definePlugin<RrlConfig>({
  name: "rrl",
  parse,
  control: inSupervisor(() => import("./control.ts")),
  serve: inWorker(() => import("./serve.ts")),
});

function parse(directive: Directive): RrlConfig {
  const stanza = directive.once();
  const config: RrlConfig = {
    zones: stanza.zones(),
    windowMs: 15_000,
    ipv4Bits: 24,
    ipv6Bits: 56,
    allowances: [],
    slipRatio: 0,
    size: DEFAULT_SIZE,
    reportOnly: false,
  };
  const given: (number | undefined)[] = [];
  const allowance = (kind: Kind) => (line: Option) => {
    given[kind] = line.decimal({ min: 0 });
  };
  stanza.eachOption({
    window: (line) => {
      config.windowMs = line.integer({ min: 1, max: MAX_WINDOW }) * 1_000;
    },
    "ipv4-prefix-length": (line) => {
      config.ipv4Bits = line.integer({ min: 1, max: 32 });
    },
    "ipv6-prefix-length": (line) => {
      config.ipv6Bits = line.integer({ min: 1, max: 128 });
    },
    "responses-per-second": allowance(Kind.RESPONSE),
    "nodata-per-second": allowance(Kind.NODATA),
    "nxdomains-per-second": allowance(Kind.NXDOMAIN),
    "referrals-per-second": allowance(Kind.REFERRAL),
    "errors-per-second": allowance(Kind.ERROR),
    "slip-ratio": (line) => {
      config.slipRatio = line.integer({ min: 0 });
    },
    "requests-per-second": allowance(Kind.REQUEST),
    "max-table-size": (line) => {
      config.size = line.integer({ min: 1, max: MAX_SIZE });
    },
    "report-only": (line) => {
      line.noArguments();
      config.reportOnly = true;
    },
  });
  const responses = given[Kind.RESPONSE] ?? 0;
  config.allowances = Object.values(Kind).map((kind) => given[kind] ?? (kind === Kind.REQUEST ? 0 : responses));
  if (config.allowances.every((one) => one === 0)) stanza.warn("no allowance is given, so nothing is limited");
  return config;
}
