/** The options of kubernetes: good ones with their config, bad ones with CoreDNS's words. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubernetesConfig } from "../../../src/plugins/kubernetes/config.ts";
import { kubernetes } from "../../../src/plugins/kubernetes/index.ts";
import { selectorProblem } from "../../../src/plugins/kubernetes/selector.ts";
import { parseBlock } from "../../support/chain.ts";

const DEFAULTS: KubernetesConfig = {
  zones: ["cluster.local."],
  primaryZone: "cluster.local.",
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
  ttl: 5,
  endpoints: true,
  fallthrough: [],
  ignoreEmptyService: false,
  multicluster: [],
  zonal: false,
  startupTimeoutMs: 5_000,
  wildcardQueries: false,
  doubt: "servfail",
  checkIntervalMs: 300_000,
  boundAddresses: [],
};

const CLEAR =
  "the API is asked without TLS, as 'http://localhost:6443' does not begin with https://: 'tls' does nothing";
const ZONES = ["cluster.local.", "in-addr.arpa.", "ip6.arpa."];

for (const { line = "kubernetes cluster.local", options = "", config, mistake, warning } of [
  { config: {} },
  { line: "kubernetes", config: { zones: ["example.org."], primaryZone: "example.org." } },
  { line: "kubernetes in-addr.arpa ip6.arpa cluster.local", config: { zones: [...ZONES.slice(1), "cluster.local."] } },
  {
    line: "kubernetes Cluster.Local 10.0.0.0/24 in-addr.arpa",
    config: { zones: ["cluster.local.", "0.0.10.in-addr.arpa.", "in-addr.arpa."] },
  },
  {
    line: "kubernetes in-addr.arpa",
    config: { zones: ["in-addr.arpa."], primaryZone: "in-addr.arpa." },
  },
  { line: "kubernetes 10.0.0.0/24", mistake: "2:1: plugin/kubernetes: non-reverse zone name must be used" },
  {
    line: "kubernetes a.org\nkubernetes b.org",
    mistake: "3:1: plugin/kubernetes: this plugin can only be used once per Server Block",
  },
  { options: "endpoint http://localhost:8080", config: { endpoint: "http://localhost:8080" } },
  { options: "endpoint localhost:8080", config: { endpoint: "http://localhost:8080" } },
  {
    options: "endpoint localhost:6443\ntls /c /k /a",
    config: { endpoint: "http://localhost:6443", tls: { cert: "/c", key: "/k", ca: "/a" } },
    warning: `4:1: plugin/kubernetes: ${CLEAR}`,
  },
  {
    options: "tls /c /k /a\nendpoint http://localhost:6443",
    config: { endpoint: "http://localhost:6443", tls: { cert: "/c", key: "/k", ca: "/a" } },
    warning: `4:1: plugin/kubernetes: ${CLEAR}`,
  },
  {
    options: "tls /c /k /a\nendpoint https://localhost:6443",
    config: { endpoint: "https://localhost:6443", tls: { cert: "/c", key: "/k", ca: "/a" } },
  },
  {
    options: "endpoint https://a.test:6443 https://b.test",
    config: { endpoint: "https://a.test:6443" },
    warning:
      "3:30: plugin/kubernetes: Multiple endpoints have been deprecated, only the first specified endpoint 'https://a.test:6443' is used",
  },
  {
    options: "endpoint",
    mistake: "3:1: plugin/kubernetes: Wrong argument count or unexpected line ending after 'endpoint', expected a URL",
  },
  {
    options: "endpoint ftp://192.0.2.1",
    mistake:
      "3:10: plugin/kubernetes: invalid endpoint 'ftp://192.0.2.1', expected a URL such as https://192.0.2.1:6443",
  },
  {
    options: "endpoint unix:///x",
    mistake: "3:10: plugin/kubernetes: invalid endpoint 'unix:///x', expected a URL such as https://192.0.2.1:6443",
  },
  { options: "tls /c /k /a", config: { tls: { cert: "/c", key: "/k", ca: "/a" } } },
  {
    options: "tls a b",
    mistake: "3:7: plugin/kubernetes: Wrong argument count or unexpected line ending after 'b', expected 3 arguments",
  },
  { options: "kubeconfig /f", config: { kubeconfig: { path: "/f", context: "" } } },
  { options: "kubeconfig /f dev", config: { kubeconfig: { path: "/f", context: "dev" } } },
  {
    options: "kubeconfig",
    mistake:
      "3:1: plugin/kubernetes: Wrong argument count or unexpected line ending after 'kubeconfig', expected a file name",
  },
  {
    options: "apiserver_qps 2.5\napiserver_burst 10\napiserver_max_inflight 0",
    config: { apiServerQps: 2.5, apiServerBurst: 10, apiServerMaxInflight: 0 },
  },
  {
    options: "apiserver_qps x",
    mistake: `3:15: plugin/kubernetes: invalid apiserver_qps "x": strconv.ParseFloat: parsing "x": invalid syntax`,
  },
  {
    options: "apiserver_burst 1.5",
    mistake: `3:17: plugin/kubernetes: invalid apiserver_burst "1.5": strconv.Atoi: parsing "1.5": invalid syntax`,
  },
  {
    options: "apiserver_max_inflight -1",
    mistake: "3:24: plugin/kubernetes: apiserver_max_inflight must be >= 0",
  },
  { options: "namespaces a b\nnamespaces c", config: { namespaces: ["a", "b", "c"] } },
  {
    options: "namespaces a\nnamespace_labels b=c",
    mistake: "4:1: plugin/kubernetes: namespaces and namespace_labels cannot both be set",
  },
  { options: "namespace_labels team in (a, b)", config: { namespaceLabels: "team in (a, b)" } },
  {
    options: "labels environment in (production, qa),application=nginx",
    config: { labels: "environment in (production, qa),application=nginx" },
  },
  {
    options: "labels a b",
    mistake: `3:8: plugin/kubernetes: unable to parse label selector value: 'a b': couldn't parse the selector string "a b": unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt`,
  },
  {
    options: "namespace_labels =b",
    mistake: `3:18: plugin/kubernetes: unable to parse namespace_label selector value: '=b': couldn't parse the selector string "=b": found '=', expected: !, identifier, or 'end of string'`,
  },
  { options: "pods insecure", config: { pods: "insecure" } },
  { options: "pods verified", config: { pods: "verified" } },
  {
    options: "pods some",
    mistake: "3:6: plugin/kubernetes: wrong value for pods: some,  must be one of: disabled, verified, insecure",
  },
  { options: "doubt nxdomain", config: { doubt: "nxdomain" } },
  {
    options: "doubt never",
    mistake: "3:7: plugin/kubernetes: unknown doubt 'never', expected servfail or nxdomain",
  },
  { options: "endpoint_pod_names\nwildcard_queries", config: { endpointPodNames: true, wildcardQueries: true } },
  { options: "ttl 0", config: { ttl: 0 } },
  { options: "ttl 3600 x", config: { ttl: 3_600 } },
  { options: "ttl 3601", mistake: "3:5: plugin/kubernetes: ttl must be in range [0, 3600]: 3601" },
  { options: "ttl 5s", mistake: `3:5: plugin/kubernetes: strconv.Atoi: parsing "5s": invalid syntax` },
  { options: "noendpoints\nfallthrough", config: { endpoints: false, fallthrough: ["."] } },
  { options: "fallthrough in-addr.arpa", config: { fallthrough: ["in-addr.arpa."] } },
  { options: "ignore empty_service x", config: { ignoreEmptyService: true } },
  {
    options: "ignore",
    config: {},
    warning: "3:1: plugin/kubernetes: says nothing without 'empty_service' behind it",
  },
  { options: "ignore x", mistake: "3:8: plugin/kubernetes: unable to parse ignore value: 'x'" },
  { options: "multicluster cluster.local", config: { multicluster: ["cluster.local."] } },
  {
    options: "multicluster a.org",
    mistake:
      "3:1: plugin/kubernetes: is not authoritative for the multicluster zone a.org. (authoritative zones: [cluster.local.])",
  },
  { options: "zonal", config: { zonal: true } },
  {
    options: "noendpoints\nzonal",
    mistake: "4:1: plugin/kubernetes: zonal requires the endpoint cache; remove noendpoints",
  },
  { options: "startup_timeout 1m", config: { startupTimeoutMs: 60_000 } },
  {
    options: "startup_timeout 1",
    mistake: `3:17: plugin/kubernetes: failed to parse startup_timeout: 1, time: missing unit in duration "1"`,
  },
  {
    options: "startup_timeout x",
    mistake: `3:17: plugin/kubernetes: failed to parse startup_timeout: x, time: invalid duration "x"`,
  },
  { options: "startup_timeout -1s", mistake: "3:17: plugin/kubernetes: startup_timeout must not be negative: -1s" },
  { options: "check_interval 0", config: { checkIntervalMs: 0 } },
  { options: "check_interval 1ms", mistake: "3:16: plugin/kubernetes: check_interval must be 0 or at least 1s" },
  {
    options: "cidrs 10.0.0.0/24",
    config: { zones: ["cluster.local.", "0.0.10.in-addr.arpa."] },
    warning: "3:1: plugin/kubernetes: is an old word, its reverse zones are named behind 'kubernetes' today",
  },
  {
    options: "resyncperiod 5m",
    config: {},
    warning:
      "3:1: plugin/kubernetes: 'resyncperiod' is an old word without effect: what is known is compared with the API by check_interval",
  },
  {
    options: "upstream /etc/resolv.conf",
    config: {},
    warning:
      "3:1: plugin/kubernetes: 'upstream' is an old word without effect: names outside the cluster are asked of this server itself",
  },
  { options: "endpont x", mistake: "3:1: plugin/kubernetes: unknown property 'endpont'" },
] as readonly Row[]) {
  test(`${line.replace("\n", "; ")} { ${options.replaceAll("\n", "; ")} }`, () => {
    const text = options === "" ? line : `${line} {\n${options}\n}`;
    const parsed = parseBlock([kubernetes], `example.org {\n${text}\n}`);
    assert.deepEqual(parsed.mistakes, mistake === undefined ? [] : [`Corefile:${mistake}`]);
    if (config) assert.deepEqual(parsed.elements[0]?.config, { ...DEFAULTS, ...config });
    assert.deepEqual(parsed.warnings, warning === undefined ? [] : [`Corefile:${warning}`]);
  });
}

interface Row {
  readonly line?: string;
  readonly options?: string;
  readonly config?: Partial<KubernetesConfig>;
  readonly mistake?: string;
  readonly warning?: string;
}

for (const { selector, problem = "" } of [
  { selector: "" },
  { selector: "a" },
  { selector: "!a" },
  { selector: "example.org/a.b-c=v_1" },
  { selector: "a!=b,c==d,e notin (f,g),h gt 3,i<4" },
  { selector: "a=,b" },
  { selector: "a in ()" },
  { selector: "a in (,b)" },
  { selector: "a=b c", problem: "found 'c', expected: ',' or 'end of string'" },
  { selector: "a,", problem: "found '', expected: identifier after ','" },
  { selector: "a in b", problem: "unable to parse requirement: found 'b' expected: '('" },
  { selector: "a in (b", problem: "unable to parse requirement: found '', expected: ',' or ')'" },
  { selector: "-a", problem: `unable to parse requirement: invalid label key "-a"` },
  { selector: "a=-b", problem: `unable to parse requirement: invalid label value "-b"` },
  {
    selector: "a gt b",
    problem: "unable to parse requirement: for 'Gt', 'Lt' operators, the value must be an integer",
  },
]) {
  test(`label selector '${selector}'`, () => assert.equal(selectorProblem(selector), problem));
}
