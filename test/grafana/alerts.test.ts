/** The alert rules: which values raise an alert, with which words, and which do not. `promtool test rules` computes it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { alerts, RULE_FILES, root } from "./support.ts";

interface Case {
  readonly alert: string;
  readonly name: string;
  /** Series, and their values minute by minute: `0+60x30` is 0, 60, 120 and so on. */
  readonly series: Readonly<Record<string, string>>;
  /** What is said after 25 minutes, and the labels; absent: nothing. */
  readonly says?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** There are two of one name. */
  readonly severity?: "critical" | "warning";
}

const of = (more = "") => `{job="weftdns",instance="a"${more && `,${more}`}}`;
const here = { job: "weftdns", instance: "a" };
const counted = (metric: string, more: string, perMinute: number) => ({
  [`${metric}${of(more)}`]: `0+${perMinute}x30`,
});
/** A histogram of which so many in a hundred are in the bucket up to `le`, and the others above. */
const buckets = (metric: string, more: string, le: string, percent: number, most = "8") => ({
  [`${metric}_bucket${of(`${more},le="${le}"`)}`]: `0+${percent}x30`,
  [`${metric}_bucket${of(`${more},le="${most}"`)}`]: "0+100x30",
  [`${metric}_bucket${of(`${more},le="+Inf"`)}`]: "0+100x30",
});
const answers = (failed: number) => ({
  ...counted("coredns_dns_responses_total", 'rcode="SERVFAIL"', failed),
  ...counted("coredns_dns_responses_total", 'rcode="NOERROR"', 1_000 - failed),
});
const upstreamAnswers = (failed: number) => ({
  ...counted("coredns_proxy_request_duration_seconds_count", 'proxy_name="forward",to="u",rcode="SERVFAIL"', failed),
  ...counted(
    "coredns_proxy_request_duration_seconds_count",
    'proxy_name="forward",to="u",rcode="NOERROR"',
    1_000 - failed,
  ),
});
const upstream = 'proxy_name="forward",to="u",rcode="NOERROR"';
const cases: readonly Case[] = [
  {
    alert: "CoreDNSDown",
    name: "one is up",
    series: { 'up{job="kube-dns",instance="a"}': "1x30", 'up{job="kube-dns",instance="b"}': "0x30" },
  },
  {
    alert: "CoreDNSDown",
    name: "all are down",
    series: { 'up{job="weftdns",instance="a"}': "0x30" },
    labels: {},
    says: "No DNS server has been scraped for 15 minutes.",
  },
  {
    alert: "CoreDNSDown",
    name: "nobody knows them",
    series: { 'up{job="other",instance="a"}': "1x30" },
    labels: {},
    says: "No DNS server has been scraped for 15 minutes.",
  },
  {
    alert: "CoreDNSLatencyHigh",
    name: "all within 4 s",
    series: buckets("coredns_dns_request_duration_seconds", 'server="dns://:53",zone="."', "4", 100),
  },
  {
    alert: "CoreDNSLatencyHigh",
    name: "one in ten above 4 s",
    series: buckets("coredns_dns_request_duration_seconds", 'server="dns://:53",zone="."', "4", 90),
    labels: { job: "weftdns", server: "dns://:53", zone: "." },
    says: "One query in a hundred takes longer than 7.6s (server dns://:53, zone .).",
  },
  { alert: "CoreDNSErrorsHigh", name: "0.5 %", series: answers(5) },
  {
    alert: "CoreDNSErrorsHigh",
    name: "2 %",
    series: answers(20),
    severity: "warning",
    labels: { job: "weftdns" },
    says: "2% of the answers are SERVFAIL.",
  },
  {
    alert: "CoreDNSForwardLatencyHigh",
    name: "all within half a second",
    series: buckets("coredns_proxy_request_duration_seconds", upstream, "0.512", 100, "2.048"),
  },
  {
    alert: "CoreDNSForwardLatencyHigh",
    // None takes longer than an upstream is waited for.
    name: "one in ten above a second",
    series: buckets("coredns_proxy_request_duration_seconds", upstream, "1.024", 90, "2.048"),
    labels: { job: "weftdns", to: "u" },
    says: "The upstream u takes longer than 1.946s for one query in a hundred.",
  },
  { alert: "CoreDNSForwardErrorsHigh", name: "0.5 %", series: upstreamAnswers(5) },
  {
    alert: "CoreDNSForwardErrorsHigh",
    name: "2 %",
    series: upstreamAnswers(20),
    severity: "warning",
    labels: { job: "weftdns", to: "u" },
    says: "The upstream u answers SERVFAIL to 2% of the queries.",
  },
  {
    alert: "CoreDNSForwardHealthcheckFailureCount",
    name: "none",
    series: counted("coredns_proxy_healthcheck_failures_total", 'proxy_name="forward",to="u"', 0),
  },
  {
    alert: "CoreDNSForwardHealthcheckFailureCount",
    name: "one a minute",
    series: counted("coredns_proxy_healthcheck_failures_total", 'proxy_name="forward",to="u"', 1),
    labels: { job: "weftdns", to: "u" },
    says: "The upstream u does not answer probes.",
  },
  {
    alert: "CoreDNSForwardHealthcheckBrokenCount",
    name: "never",
    series: counted("coredns_forward_healthcheck_broken_total", "", 0),
  },
  {
    alert: "CoreDNSForwardHealthcheckBrokenCount",
    name: "once a minute",
    series: counted("coredns_forward_healthcheck_broken_total", "", 1),
    labels: { job: "weftdns" },
    says: "All upstreams of a forward are down.",
  },
  {
    alert: "WeftDNSDrops",
    name: "one in two seconds",
    series: counted("weftdns_drops_total", 'stage="kernel",reason="full"', 30),
  },
  {
    alert: "WeftDNSDrops",
    name: "what acl drops is meant to be dropped",
    series: counted("weftdns_drops_total", 'stage="plugin",reason="acl"', 6_000),
  },
  {
    alert: "WeftDNSDrops",
    name: "a hundred a second",
    series: counted("weftdns_drops_total", 'stage="kernel",reason="full"', 6_000),
    labels: { ...here, stage: "kernel", reason: "full" },
    says: "a drops 100 queries or replies a second (kernel, full).",
  },
  {
    alert: "WeftDNSWorkerRestarts",
    name: "none",
    series: counted("weftdns_worker_restarts_total", 'cause="error"', 0),
  },
  {
    alert: "WeftDNSWorkerRestarts",
    name: "one",
    series: { [`weftdns_worker_restarts_total${of('cause="stall"')}`]: "0x19 1x10" },
    labels: { ...here, cause: "stall" },
    says: "A worker of a has ended unasked (stall) and was replaced.",
  },
  {
    alert: "WeftDNSWorkerLate",
    name: "all within 50 ms",
    series: buckets("weftdns_worker_loop_lag_seconds", 'worker="0"', "0.05", 100),
  },
  {
    alert: "WeftDNSWorkerLate",
    name: "one in ten later",
    series: buckets("weftdns_worker_loop_lag_seconds", 'worker="0"', "0.05", 90),
    labels: { ...here, worker: "0" },
    says: "Worker 0 of a comes 7.205s late to its work.",
  },
  {
    alert: "WeftDNSQueriesWaiting",
    name: "1,800 in two workers",
    series: {
      [`weftdns_queries_waiting${of('worker="0"')}`]: "900x30",
      [`weftdns_queries_waiting${of('worker="1"')}`]: "900x30",
    },
  },
  {
    alert: "WeftDNSQueriesWaiting",
    name: "3,000 in two workers",
    series: {
      [`weftdns_queries_waiting${of('worker="0"')}`]: "1500x30",
      [`weftdns_queries_waiting${of('worker="1"')}`]: "1500x30",
    },
    labels: here,
    says: "3k queries of a wait for upstreams.",
  },
  {
    alert: "WeftDNSQueriesRefused",
    name: "none",
    series: counted("coredns_forward_max_concurrent_rejects_total", "", 0),
  },
  {
    alert: "WeftDNSQueriesRefused",
    name: "two a second",
    series: counted("coredns_forward_max_concurrent_rejects_total", "", 120),
    labels: here,
    says: "a refuses 2 queries a second: as many wait for upstreams as may.",
  },
  { alert: "WeftDNSLoop", name: "there was one", series: { [`weftdns_loop_detected${of('zone="."')}`]: "1x10 0x20" } },
  {
    alert: "WeftDNSLoop",
    name: "there is one",
    series: { [`weftdns_loop_detected${of('zone="."')}`]: "1x30" },
    labels: { ...here, zone: "." },
    says: "An upstream of a sends the queries for . back to it.",
  },
  { alert: "WeftDNSFaults", name: "none", series: counted("coredns_panics_total", "", 0) },
  {
    alert: "WeftDNSFaults",
    name: "one",
    series: { [`coredns_panics_total${of()}`]: "0x19 1x10" },
    labels: here,
    says: "A plugin of a has a fault that costs queries.",
  },
  { alert: "WeftDNSReloadFailed", name: "none", series: { [`weftdns_configuration_current${of()}`]: "1x30" } },
  {
    alert: "WeftDNSReloadFailed",
    name: "one",
    series: { [`weftdns_configuration_current${of()}`]: "1x9 0x20" },
    labels: here,
    says: "a has not taken its new Corefile and goes on with the old one.",
  },
  {
    alert: "WeftDNSMemory",
    name: "short for a moment",
    series: { [`weftdns_memory_room${of()}`]: "0.6x10 0.4x5 0.6x20" },
  },
  {
    alert: "WeftDNSMemory",
    name: "short for long",
    series: { [`weftdns_memory_room${of()}`]: "1x9 0.4x20" },
    labels: here,
    says: "a nears its limit of memory and has 40% of its room for load.",
  },
  {
    alert: "WeftDNSUncountedSeries",
    name: "none",
    series: { [`weftdns_uncounted_series_total${of()}`]: "0x30" },
  },
  {
    alert: "WeftDNSUncountedSeries",
    name: "some",
    series: { [`weftdns_uncounted_series_total${of()}`]: "0x19 7x10" },
    labels: here,
    says: "a has no room for 7 series of metrics, and does not count them.",
  },
];

const promtool = spawnSync("promtool", ["--version"]).error === undefined;
const skip = !promtool && process.env.CI !== "true" && "no promtool";
const directory = mkdtempSync(join(tmpdir(), "weftdns-alerts-"));
after(() => rmSync(directory, { recursive: true }));

test("every alert is here, with values that raise it and with values that do not", () => {
  for (const { alert } of alerts()) {
    const those = cases.filter((one) => one.alert === alert);
    assert.ok(those.some(({ says }) => says) && those.some(({ says }) => !says), alert);
  }
});

for (const { alert, name, series, says, labels, severity } of cases) {
  test(`${alert}: ${name}`, { skip }, () => {
    const rule = alerts().find(
      (one) => one.alert === alert && (severity ?? one.labels.severity) === one.labels.severity,
    )!;
    const expected =
      says === undefined ? [] : [{ exp_labels: { ...labels, ...rule.labels }, exp_annotations: { summary: says } }];
    const file = join(directory, "test.json");
    const input = Object.entries(series).map(([of, values]) => ({ series: of, values }));
    const rules = RULE_FILES.map((path) => join(root, "grafana", path));
    // JSON is YAML.
    const text = {
      rule_files: rules,
      evaluation_interval: "1m",
      tests: [
        {
          interval: "1m",
          input_series: input,
          alert_rule_test: [{ eval_time: "25m", alertname: alert, exp_alerts: expected }],
        },
      ],
    };
    writeFileSync(file, JSON.stringify(text));
    const { status, stdout, stderr } = spawnSync("promtool", ["test", "rules", file], { encoding: "utf8" });
    assert.equal(status, 0, `${stdout}${stderr}`);
  });
}
