/**
 * What the public dashboards and rules for CoreDNS ask Prometheus. `$selector` stands where the mixin puts the job that it is
 * told; the other variables are the dashboards' own.
 */

/** Metrics that have been gone from CoreDNS for long. Their panels are empty with CoreDNS 1.15, and so with us. */
export const GONE: Readonly<Record<string, string>> = {
  coredns_forward_requests_total: "coredns_proxy_request_duration_seconds_count has it since CoreDNS 1.11",
  coredns_forward_responses_total: "coredns_proxy_request_duration_seconds_count has it since CoreDNS 1.11",
  coredns_forward_request_duration_seconds_bucket: "coredns_proxy_request_duration_seconds_bucket since CoreDNS 1.11",
  coredns_forward_healthcheck_failures_total: "coredns_proxy_healthcheck_failures_total since CoreDNS 1.11",
};

/** Metrics that CoreDNS has and we have not. */
export const NOT_OURS: Readonly<Record<string, string>> = {
  go_goroutines: "there is no Go here",
  coredns_kubernetes_dns_programming_duration_seconds_bucket:
    "without kubernetes in the Corefile CoreDNS has none either",
};

const mixin = {
  rate: (metric: string) => `rate(${metric}{$selector,instance=~"$instance"}[$__rate_interval])`,
  quantile: (q: string, metric: string, by: string) =>
    `histogram_quantile(${q}, sum(rate(${metric}{$selector,instance=~"$instance"}[$__rate_interval])) by (${by}, le))`,
};
const sizes = (metric: string) =>
  ["0.99", "0.50"].map((q) => mixin.quantile(q, `${metric}_bucket`, "server, zone, proto"));

const buhay = (metric: string, more = "") => `rate(${metric}{instance=~"$instance"${more}}[5m])`;
const quantiles = (metric: string, by: string, more = "") =>
  ["0.99", "0.90", "0.50"].map((q) => `histogram_quantile(${q}, sum(${buhay(metric, more)}) by (${by}))`);

const dotdc = (metric: string, more = "") =>
  `rate(${metric}{instance=~"$instance"${more}, cluster=~"$cluster"}[$__rate_interval])`;
const heat = (metric: string, more: string) =>
  `sum(increase(${metric}{instance=~"$instance"${more}, cluster=~"$cluster"}[$__rate_interval])) by (le)`;

export const publicQueries: readonly { readonly source: string; readonly queries: readonly string[] }[] = [
  {
    source: "grafana.com 12539, which continues 5926 for CoreDNS 1.7 and later",
    queries: [
      'coredns_build_info{instance=~"$instance"}',
      `sum(${buhay("coredns_dns_request_count_total")}) by (proto) or\nsum(${buhay("coredns_dns_requests_total")}) by (proto)`,
      `sum(${buhay("coredns_dns_request_type_count_total")}) by (type) or \nsum(${buhay("coredns_dns_requests_total")}) by (type)`,
      `sum(${buhay("coredns_dns_request_count_total")}) by (zone) or\nsum(${buhay("coredns_dns_requests_total")}) by (zone)`,
      `sum(${buhay("coredns_dns_request_do_count_total")}) or\nsum(${buhay("coredns_dns_do_requests_total")})`,
      `sum(${buhay("coredns_dns_request_count_total")}) or\nsum(${buhay("coredns_dns_requests_total")})`,
      ...quantiles("coredns_dns_request_size_bytes_bucket", "le,proto", ',proto="udp"'),
      ...quantiles("coredns_dns_request_size_bytes_bucket", "le,proto", ',proto="tcp"'),
      `sum(${buhay("coredns_dns_response_rcode_count_total")}) by (rcode) or\nsum(${buhay("coredns_dns_responses_total")}) by (rcode)`,
      `histogram_quantile(0.99, sum(${buhay("coredns_dns_request_duration_seconds_bucket")}) by (le, job))`,
      ...quantiles("coredns_dns_request_duration_seconds_bucket", "le").slice(1),
      ...quantiles("coredns_dns_response_size_bytes_bucket", "le,proto", ',proto="udp"'),
      ...quantiles("coredns_dns_response_size_bytes_bucket", "le,proto", ',proto="tcp"'),
      'sum(coredns_cache_size{instance=~"$instance"}) by (type) or\nsum(coredns_cache_entries{instance=~"$instance"}) by (type)',
      `sum(${buhay("coredns_cache_hits_total")}) by (type)`,
      `sum(${buhay("coredns_cache_misses_total")}) by (type)`,
    ],
  },
  {
    source: "grafana.com 15762, Kubernetes / System / CoreDNS",
    queries: [
      'up{job=~"$job", instance=~"$instance", cluster=~"$cluster"}',
      'rate(process_cpu_seconds_total{job=~"$job", instance=~"$instance", cluster=~"$cluster"}[$__rate_interval])',
      'process_resident_memory_bytes{job=~"$job", instance=~"$instance", cluster=~"$cluster"}',
      `sum(${dotdc("coredns_dns_requests_total", ',proto="$protocol"')})`,
      `sum(${dotdc("coredns_dns_request_size_bytes_sum", ',proto="$protocol"')}) by (proto) / sum(${dotdc("coredns_dns_request_size_bytes_count", ',proto="$protocol"')}) by (proto)`,
      `sum(${dotdc("coredns_dns_requests_total")}) by (type)`,
      `sum(${dotdc("coredns_dns_responses_total")}) by (rcode)`,
      'sum(rate(coredns_forward_requests_total{cluster=~"$cluster"}[$__rate_interval]))',
      'sum(rate(coredns_forward_responses_total{rcode=~"SERVFAIL|REFUSED", cluster=~"$cluster"}[$__rate_interval])) by (rcode)',
      `sum(${dotdc("coredns_cache_hits_total")}) by (type)`,
      `sum(${dotdc("coredns_cache_misses_total")}) by (type)`,
      'sum(coredns_cache_entries{cluster=~"$cluster"}) by (type)',
      heat("coredns_dns_request_duration_seconds_bucket", ""),
      heat("coredns_dns_request_size_bytes_bucket", ', le!="0"'),
      heat("coredns_dns_response_size_bytes_bucket", ', le!="0"'),
    ],
  },
  {
    source: "coredns-mixin, dashboard (kube-prometheus)",
    queries: [
      "sum(up{$selector})",
      "sum(coredns_panics_total{$selector})",
      `sum(${mixin.rate("coredns_dns_responses_total")}) by (rcode)`,
      `sum(${mixin.rate("coredns_forward_responses_total")}) by (rcode)`,
      mixin.quantile("0.99", "coredns_dns_request_duration_seconds_bucket", "server, zone"),
      mixin.quantile("0.99", "coredns_forward_request_duration_seconds_bucket", "to"),
      `sum(${mixin.rate("coredns_dns_requests_total")}) by (type)`,
      `sum(${mixin.rate("coredns_dns_requests_total")}) by (zone)`,
      `sum(${mixin.rate("coredns_forward_requests_total")}) by (to)`,
      mixin.quantile("0.99", "coredns_kubernetes_dns_programming_duration_seconds_bucket", "service_kind"),
      'count(sum(coredns_plugin_enabled{$selector,instance=~"$instance"}) by (name))',
      ...sizes("coredns_dns_request_size_bytes"),
      ...sizes("coredns_dns_response_size_bytes"),
      'sum(coredns_cache_hits_total{$selector,instance=~"$instance"}) / (sum(coredns_cache_misses_total{$selector,instance=~"$instance"}) + sum(coredns_cache_hits_total{$selector,instance=~"$instance"}))',
      `sum(${mixin.rate("coredns_cache_hits_total")}) by (type)`,
      `sum(${mixin.rate("coredns_cache_misses_total")})`,
      'sum(coredns_cache_entries{$selector,instance=~"$instance"}) by (type)',
      'process_resident_memory_bytes{$selector,instance=~"$instance"}',
      mixin.rate("process_cpu_seconds_total"),
      'go_goroutines{$selector,instance=~"$instance"}',
    ],
  },
  {
    source: "coredns-mixin, alerts, without what they compare with",
    queries: [
      "up{$selector} == 1",
      "histogram_quantile(0.99, sum(rate(coredns_dns_request_duration_seconds_bucket{$selector}[5m])) by(server, zone, le))",
      'sum(rate(coredns_dns_responses_total{$selector,rcode="SERVFAIL"}[5m])) / sum(rate(coredns_dns_responses_total{$selector}[5m]))',
      "histogram_quantile(0.99, sum(rate(coredns_forward_request_duration_seconds_bucket{$selector}[5m])) by(to, le))",
      'sum(rate(coredns_forward_responses_total{$selector,rcode="SERVFAIL"}[5m])) / sum(rate(coredns_forward_responses_total{$selector}[5m]))',
      "sum(rate(coredns_forward_healthcheck_failures_total{$selector}[5m])) by (to)",
      "sum(rate(coredns_forward_healthcheck_broken_total{$selector}[5m]))",
    ],
  },
];
