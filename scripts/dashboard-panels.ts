/** What the Grafana dashboard shows, row by row: the panels, what each tells, and what it asks Prometheus. */

export interface Panel {
  readonly title: string;
  /** What it tells, and what to do about it. */
  readonly tells: string;
  readonly kind: "stat" | "lines" | "stacked" | "heatmap";
  /** As Grafana calls it. */
  readonly unit: string;
  /** Of 24 columns; a third when absent. */
  readonly width?: number;
  readonly queries: readonly Query[];
}

interface Query {
  readonly expr: string;
  readonly legend: string;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** Which servers are looked at: the dashboard's two variables. */
const SERVERS = 'job=~"$job",instance=~"$instance"';

const series = (name: string, labels = "") => `${name}{${SERVERS}${labels && `,${labels}`}}`;
const rate = (name: string, labels = "") => `rate(${series(name, labels)}[$__rate_interval])`;
const sum = (expr: string, by = "") => (by === "" ? `sum(${expr})` : `sum by (${by}) (${expr})`);

/** A line for each value of `by`. */
const rates = (name: string, by: string, labels = "", legend = legendOf(by)): Query => ({
  expr: sum(rate(name, labels), by),
  legend,
});
const total = (name: string, legend: string, labels = ""): Query => ({ expr: sum(rate(name, labels)), legend });
const quantile = (q: number, name: string, by: string, legend: string): Query => ({
  expr: `histogram_quantile(${q}, ${sum(rate(`${name}_bucket`), by === "" ? "le" : `le, ${by}`)})`,
  legend,
});
const quantiles = (name: string, by = "", levels: readonly number[] = [0.5, 0.99]): Query[] =>
  levels.map((q) => quantile(q, name, by, `${by && `${legendOf(by)} `}p${q * 100}`));

function legendOf(by: string): string {
  return by
    .split(", ")
    .map((label) => `{{${label}}}`)
    .join(" ");
}

/** Of what is not counted before it has happened, there is none. */
const orNone = (expr: string) => `(${expr} or vector(0))`;

const REQUESTS = "coredns_dns_requests_total";
const RESPONSES = "coredns_dns_responses_total";
const DURATION = "coredns_dns_request_duration_seconds";
const UPSTREAM = "coredns_proxy_request_duration_seconds";
const LAG = "weftdns_worker_loop_lag_seconds";
const HIT_RATIO = `${orNone(sum(rate("coredns_cache_hits_total")))} / ${sum(rate("coredns_cache_requests_total"))}`;

export const rows: readonly Row[] = [
  {
    title: "Overview",
    panels: [
      {
        title: "Servers",
        tells: "How many are scraped.",
        kind: "stat",
        unit: "none",
        width: 3,
        queries: [{ expr: sum(series("up")), legend: "up" }],
      },
      {
        title: "Queries",
        tells: "Per second, all servers together.",
        kind: "stat",
        unit: "reqps",
        width: 4,
        queries: [total(REQUESTS, "queries")],
      },
      {
        title: "p99",
        tells: "99 of 100 queries take no longer.",
        kind: "stat",
        unit: "s",
        width: 4,
        queries: [quantile(0.99, DURATION, "", "p99")],
      },
      {
        title: "SERVFAIL",
        tells: "The share of answers. Above 1 % somebody notices.",
        kind: "stat",
        unit: "percentunit",
        width: 4,
        queries: [
          {
            expr: `${orNone(sum(rate(RESPONSES, 'rcode="SERVFAIL"')))} / ${sum(rate(RESPONSES))}`,
            legend: "SERVFAIL",
          },
        ],
      },
      {
        title: "From the cache",
        tells: "The share of queries that the cache answered.",
        kind: "stat",
        unit: "percentunit",
        width: 3,
        queries: [{ expr: HIT_RATIO, legend: "hits" }],
      },
      {
        title: "Dropped",
        tells: "Queries and replies per second that were dropped, at all places. 0 when all is well.",
        kind: "stat",
        unit: "cps",
        width: 3,
        queries: [total("weftdns_drops_total", "drops")],
      },
      {
        title: "Version",
        tells: "How many servers run which release.",
        kind: "stat",
        unit: "none",
        width: 3,
        queries: [{ expr: `count by (version) (${series("weftdns_build_info")})`, legend: "{{version}}" }],
      },
    ],
  },
  {
    title: "Traffic",
    panels: [
      {
        title: "Queries by type",
        tells: "What is asked. Much AAAA beside A is normal; much ANY or TXT is somebody who plays.",
        kind: "stacked",
        unit: "reqps",
        queries: [rates(REQUESTS, "type")],
      },
      {
        title: "Queries by protocol",
        tells: "UDP and TCP, and the address family: 1 is IPv4, 2 IPv6. Much TCP: large answers, or truncated ones.",
        kind: "stacked",
        unit: "reqps",
        queries: [rates(REQUESTS, "proto, family")],
      },
      {
        title: "Queries by zone",
        tells: "Which server block took them. `dropped`: no block has the zone.",
        kind: "stacked",
        unit: "reqps",
        queries: [rates(REQUESTS, "zone")],
      },
      {
        title: "Size of queries",
        tells: "As said by EDNS: how large an answer may be.",
        kind: "lines",
        unit: "bytes",
        queries: quantiles("coredns_dns_request_size_bytes", "proto"),
      },
      {
        title: "Size of answers",
        tells: "As they would be without compression, so they compare with CoreDNS's.",
        kind: "lines",
        unit: "bytes",
        queries: quantiles("coredns_dns_response_size_bytes", "proto"),
      },
      {
        title: "Queries that want DNSSEC",
        tells: "The DO bit, as a share.",
        kind: "lines",
        unit: "percentunit",
        queries: [
          { expr: `${orNone(sum(rate("coredns_dns_do_requests_total")))} / ${sum(rate(REQUESTS))}`, legend: "DO" },
        ],
      },
    ],
  },
  {
    title: "Latency and answers",
    panels: [
      {
        title: "Latency",
        tells: "From the query's arrival to the reply, whatever was waited for. p50 is the cache, p99 upstreams.",
        kind: "lines",
        unit: "s",
        queries: quantiles(DURATION, "", [0.5, 0.9, 0.99, 0.999]),
      },
      {
        title: "Latency, heat map",
        tells: "Two bands are usual: answers from memory below, those of upstreams above.",
        kind: "heatmap",
        unit: "s",
        queries: [
          { expr: `sum by (le) (increase(${series(`${DURATION}_bucket`)}[$__rate_interval]))`, legend: "{{le}}" },
        ],
      },
      {
        title: "p99 by zone",
        tells: "Which block is slow.",
        kind: "lines",
        unit: "s",
        queries: [quantile(0.99, DURATION, "zone", "{{zone}}")],
      },
      {
        title: "Answers by rcode",
        tells: "NXDOMAIN is mostly the search list of pods. SERVFAIL and REFUSED are not meant to be there.",
        kind: "stacked",
        unit: "cps",
        width: 12,
        queries: [rates(RESPONSES, "rcode")],
      },
      {
        title: "Errors by zone",
        tells: "SERVFAIL and REFUSED, and the block that said so.",
        kind: "lines",
        unit: "cps",
        width: 12,
        queries: [rates(RESPONSES, "zone, rcode", 'rcode=~"SERVFAIL|REFUSED"')],
      },
    ],
  },
  {
    title: "Cache",
    panels: [
      {
        title: "Hits",
        tells: "The share of queries. It falls when new names are asked for, or when answers make room for others.",
        kind: "lines",
        unit: "percentunit",
        queries: [{ expr: HIT_RATIO, legend: "hits" }],
      },
      {
        title: "Hits and misses",
        tells: "Hits by kind (success: with data, denial: without), and what had to be asked.",
        kind: "stacked",
        unit: "reqps",
        queries: [rates("coredns_cache_hits_total", "type"), total("coredns_cache_misses_total", "misses")],
      },
      {
        title: "Prefetched, stale, joined",
        tells:
          "Renewed before their time; given when it was over; queries that took the answer to another one's question.",
        kind: "lines",
        unit: "reqps",
        queries: [
          total("coredns_cache_prefetch_total", "prefetched"),
          total("coredns_cache_served_stale_total", "stale"),
          total("weftdns_cache_joined_total", "joined"),
        ],
      },
      {
        title: "Answers kept",
        tells: "By kind, alive or not.",
        kind: "stacked",
        unit: "short",
        queries: [{ expr: sum(series("coredns_cache_entries"), "type"), legend: "{{type}}" }],
      },
      {
        title: "Memory of answers",
        tells: "Shared by all workers of a server.",
        kind: "lines",
        unit: "bytes",
        queries: [{ expr: sum(series("weftdns_cache_bytes"), "instance"), legend: "{{instance}}" }],
      },
      {
        title: "Evictions",
        tells: "Answers that made room for others. With few hits: the capacity is too small.",
        kind: "lines",
        unit: "cps",
        queries: [rates("coredns_cache_evictions_total", "type")],
      },
    ],
  },
  {
    title: "Forward",
    panels: [
      {
        title: "Answers by upstream",
        tells: "Who answers, and how often. Questions that got no answer in time are not among them.",
        kind: "stacked",
        unit: "reqps",
        queries: [rates(`${UPSTREAM}_count`, "to")],
      },
      {
        title: "Latency by upstream",
        tells: "One that stands out is ill or far away.",
        kind: "lines",
        unit: "s",
        queries: quantiles(UPSTREAM, "to"),
      },
      {
        title: "Answers by upstream and rcode",
        tells: "What they say.",
        kind: "stacked",
        unit: "cps",
        queries: [rates(`${UPSTREAM}_count`, "to, rcode")],
      },
      {
        title: "Health",
        tells: "Probes that failed, by upstream; and how often all of them were down.",
        kind: "lines",
        unit: "cps",
        queries: [
          rates("coredns_proxy_healthcheck_failures_total", "to"),
          total("coredns_forward_healthcheck_broken_total", "all are down"),
        ],
      },
      {
        title: "Connections",
        tells:
          "Taken from those that are open (hits), or opened (misses). A UDP socket takes a few queries only, by intent.",
        kind: "lines",
        unit: "cps",
        queries: [
          rates("coredns_proxy_conn_cache_hits_total", "to, proto", "", "{{to}} {{proto}} hits"),
          rates("coredns_proxy_conn_cache_misses_total", "to, proto", "", "{{to}} {{proto}} misses"),
        ],
      },
      {
        title: "Refused and ignored",
        tells: "Queries beyond `max_concurrent`; datagrams that came back and were no answer: many may be a forger.",
        kind: "lines",
        unit: "cps",
        queries: [
          total("coredns_forward_max_concurrent_rejects_total", "max_concurrent"),
          rates("coredns_proxy_ignored_responses_total", "reason", "", "ignored: {{reason}}"),
        ],
      },
    ],
  },
  {
    title: "Drops",
    panels: [
      {
        title: "Drops by place and reason",
        tells: "Each query or reply that was dropped is here once.",
        kind: "lines",
        unit: "cps",
        width: 12,
        queries: [rates("weftdns_drops_total", "stage, reason")],
      },
      {
        title: "Kernel drops by listener",
        tells:
          "The socket's buffer was full, or its limits refused the sender. In bursts: a larger `rmem_max`; all the time: more workers.",
        kind: "lines",
        unit: "cps",
        queries: [rates("weftdns_kernel_drops_total", "server")],
      },
      {
        title: "Replies that waited",
        tells: "Their socket had no room; they went out a moment later.",
        kind: "lines",
        unit: "cps",
        width: 4,
        queries: [rates("weftdns_datagrams_queued_total", "instance, worker")],
      },
    ],
  },
  {
    title: "Workers",
    panels: [
      {
        title: "Datagrams by worker",
        tells: "They should get the same; one that gets none is late or gone.",
        kind: "stacked",
        unit: "pps",
        queries: [rates("weftdns_datagrams_received_total", "instance, worker")],
      },
      {
        title: "Datagrams per batch",
        tells: "Taken from the kernel at once. 1 is idle, 64 the most.",
        kind: "lines",
        unit: "none",
        queries: [
          {
            expr: `${sum(rate("weftdns_datagrams_received_total"), "instance, worker")} / ${sum(rate("weftdns_batches_total"), "instance, worker")}`,
            legend: "{{instance}} {{worker}}",
          },
        ],
      },
      {
        title: "Loop lag",
        tells: "How late a worker comes to a timer. 100 ms and it gets no new queries.",
        kind: "lines",
        unit: "s",
        queries: quantiles(LAG, "instance, worker"),
      },
      {
        title: "Queries that wait",
        tells: "For upstreams, or for other queries' answers.",
        kind: "lines",
        unit: "none",
        width: 12,
        queries: [
          { expr: sum(series("weftdns_queries_waiting"), "instance, worker"), legend: "{{instance}} {{worker}}" },
        ],
      },
      {
        title: "Restarts",
        tells:
          "What ended unasked: a worker by an error (a fault of a plugin, with its stack in the log), memory or stall (an endless loop), or the process.",
        kind: "lines",
        unit: "none",
        width: 12,
        queries: [
          {
            expr: sum(`increase(${series("weftdns_worker_restarts_total")}[$__rate_interval])`, "cause"),
            legend: "{{cause}}",
          },
        ],
      },
    ],
  },
  {
    title: "Process",
    panels: [
      {
        title: "CPU",
        tells: "Seconds per second, all threads: workers and one.",
        kind: "lines",
        unit: "short",
        width: 6,
        queries: [{ expr: rate("process_cpu_seconds_total"), legend: "{{instance}}" }],
      },
      {
        title: "Memory",
        tells: "Resident. It does not grow with time.",
        kind: "lines",
        unit: "bytes",
        width: 6,
        queries: [{ expr: series("process_resident_memory_bytes"), legend: "{{instance}}" }],
      },
      {
        title: "Room for load",
        tells: "Less than all of it while the container's memory is short.",
        kind: "lines",
        unit: "percentunit",
        width: 6,
        queries: [{ expr: series("weftdns_memory_room"), legend: "{{instance}}" }],
      },
      {
        title: "Open files",
        tells: "Sockets mostly, and the most that there may be.",
        kind: "lines",
        unit: "none",
        width: 6,
        queries: [
          { expr: series("process_open_fds"), legend: "{{instance}}" },
          { expr: `min(${series("process_max_fds")})`, legend: "limit" },
        ],
      },
      {
        title: "Faults and reloads",
        tells: "Faults of plugins that cost a query; Corefiles with a mistake that were not taken.",
        kind: "lines",
        unit: "none",
        width: 6,
        queries: [
          { expr: sum(`increase(${series("coredns_panics_total")}[$__rate_interval])`), legend: "faults" },
          {
            expr: sum(`increase(${series("coredns_reload_failed_total")}[$__rate_interval])`),
            legend: "bad Corefiles",
          },
        ],
      },
    ],
  },
];
