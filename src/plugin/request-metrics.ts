/**
 * What is counted of every query: by the plugin prometheus for each zone of a listener, and under the zone `dropped` for
 * what the server answers itself, because no block was found or a plugin had a fault.
 *
 * Counting is additions to cells, which labels known per query choose as small numbers. It happens when a query has its
 * outcome: plugins that change the question have restored it by then.
 */
import { OPT_RECORD_SIZE } from "../dns/header.ts";
import { rcodeName, Type } from "../dns/types.ts";
import { requestLength } from "../dns/uncompressed-length.ts";
import type { Counter, CounterTable, Histogram } from "../memory/counters.ts";
import { readFamily } from "../transport/packets.ts";
import type { Dimensions, Labels } from "./context.ts";
import type { Outcome } from "./outcome.ts";
import { isOverUdp, type Query } from "./query.ts";

/** Name and help of the counter of all drops: the supervisor adds those of the transport, workers those of server and plugins. */
export const DROPS = ["weftdns_drops_total", "Queries and replies that were dropped, by place and reason."] as const;

/** Where the cells come from: a ServeContext, or what the worker has before a chain is found. */
export interface CellSource {
  readonly server: string;
  counter(name: string, help: string, labels: Labels): Counter;
  counters(name: string, help: string, labels: Labels, dimensions: Dimensions): CounterTable;
  histogram(name: string, help: string, labels: Labels, bounds: readonly number[]): Histogram;
}

/** Types that have a label of their own in `type`, as in CoreDNS; all others share one. */
const TYPES = (
  "A AAAA CNAME DNSKEY DS MX NSEC NSEC3 NS PTR RRSIG SOA SRV TXT HTTPS SVCB IXFR AXFR ANY".split(
    " ",
  ) as (keyof typeof Type)[]
).sort();
const OTHER_TYPE = TYPES.length;
const TYPE_COUNT = TYPES.length + 1;
/** By number of the type, up to the largest one with a label. */
const typeIndices = new Uint8Array(Type.ANY + 1).fill(OTHER_TYPE);
for (const [index, name] of TYPES.entries()) typeIndices[Type[name]] = index;

const PROTOCOLS = ["udp", "tcp"] as const;
const FAMILIES = ["1", "2"] as const;

/** Rcodes up to BADCOOKIE have labels of their own; what is not assigned shares one, as anybody can send it. */
const RCODES = [...Array.from({ length: 24 }, (_, rcode) => rcodeName(rcode)), "other"];
const OTHER_RCODE = RCODES.length - 1;

/** The bounds of CoreDNS's histograms of durations: 0.25 ms to 8 s, each bucket twice the one before. */
export const TIME_BOUNDS = Array.from({ length: 16 }, (_, i) => 0.00025 * 2 ** i);
const SIZE_BOUNDS = [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16_000, 32_000, 48_000, 64_000];

/** Times of arrival that are kept until the clock is read: what is answered in one turn came in a few batches. */
const MAX_ARRIVALS = 64;

/** The cells of one zone of one listener. Made when its first query comes, so that zones without any cost nothing. */
export class RequestMetrics {
  readonly #requests: CounterTable;
  readonly #responses: CounterTable;
  readonly #withDo: Counter;
  readonly #duration: Histogram;
  readonly #requestSizes: readonly Histogram[];
  readonly #responseSizes: readonly Histogram[];
  /** When the queries arrived that have been answered in this turn, and how many at that time. */
  readonly #arrivals = new Float64Array(MAX_ARRIVALS);
  readonly #answered = new Uint32Array(MAX_ARRIVALS);
  #arrivalCount = 0;
  readonly #settle = () => this.#settleTimes();

  /** `plugin` is what the label of that name says of replies that were written. */
  constructor(source: CellSource, zone: string, plugin: string) {
    const labels = { server: source.server, zone, view: "" };
    const perProtocol = (name: string, help: string): Histogram[] =>
      PROTOCOLS.map((proto) => source.histogram(name, help, { ...labels, proto }, SIZE_BOUNDS));
    this.#requests = source.counters(
      "dns_requests_total",
      "Counter of DNS requests made per zone, protocol and family.",
      labels,
      { proto: PROTOCOLS, family: FAMILIES, type: [...TYPES, "other"] },
    );
    this.#responses = source.counters("dns_responses_total", "Counter of response status codes.", labels, {
      plugin: ["", plugin],
      rcode: RCODES,
    });
    this.#withDo = source.counter("dns_do_requests_total", "Counter of DNS requests with DO bit set per zone.", labels);
    this.#duration = source.histogram(
      "dns_request_duration_seconds",
      "Histogram of the time (in seconds) each request took per zone.",
      labels,
      TIME_BOUNDS,
    );
    this.#requestSizes = perProtocol(
      "dns_request_size_bytes",
      "Size of the EDNS0 UDP buffer in bytes (64K for TCP) per zone and protocol.",
    );
    this.#responseSizes = perProtocol("dns_response_size_bytes", "Size of the returned response in bytes.");
  }

  /** `written` says that a plugin wrote the reply, which is `size` bytes long; the label `plugin` names it then. */
  count(query: Query, rcode: number, written: boolean, size: number, requestSize: number = requestLength(query)): void {
    const protocol = isOverUdp(query.transport) ? 0 : 1;
    const family = readFamily(query.peers, query.peerIndex) === 6 ? 1 : 0;
    const type = query.type <= Type.ANY ? typeIndices[query.type]! : OTHER_TYPE;
    this.#requests.add((protocol * FAMILIES.length + family) * TYPE_COUNT + type, 1);
    if (query.dnssecOk) this.#withDo.add(1);
    this.#requestSizes[protocol]!.observe(requestSize);
    this.#responseSizes[protocol]!.observe(size);
    const known = Math.min(rcode, OTHER_RCODE);
    this.#responses.add(written ? RCODES.length + known : known, 1);
  }

  /**
   * The query has its outcome. To read the clock takes longer than all the counting, and replies that become ready together
   * leave together: so they are measured together, when they do.
   */
  took({ receivedAt }: Query): void {
    if (this.#arrivalCount === 0) queueMicrotask(this.#settle);
    else if (this.#arrivals[this.#arrivalCount - 1] === receivedAt) {
      this.#answered[this.#arrivalCount - 1]!++;
      return;
    } else if (this.#arrivalCount === MAX_ARRIVALS) this.#settleTimes();
    this.#arrivals[this.#arrivalCount] = receivedAt;
    this.#answered[this.#arrivalCount++] = 1;
  }

  #settleTimes(): void {
    const now = performance.now();
    for (let i = 0; i < this.#arrivalCount; i++)
      this.#duration.observe((now - this.#arrivals[i]!) / 1_000, this.#answered[i]);
    this.#arrivalCount = 0;
  }
}

/** Counts what the server answers itself with `rcode`. */
export function droppedCounter(source: CellSource): (query: Query, rcode: Outcome) => void {
  let metrics: RequestMetrics | undefined;
  return (query, rcode) => {
    metrics ??= new RequestMetrics(source, "dropped", "");
    const size = query.questionEnd + (query.hasOpt ? OPT_RECORD_SIZE : 0);
    // CoreDNS has taken the options out of the request by then.
    metrics.count(query, rcode, false, size, requestLength(query) - query.optionsLength);
    metrics.took(query);
  };
}
