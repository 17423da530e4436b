/** The table of metrics and what a running server exports: the same names, with the same labels. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { documentedMetrics } from "../../scripts/generated-pages.ts";
import { projectRoot } from "../house/sources.ts";
import { Fakeup } from "../support/fakeup.ts";
import { get } from "../support/http.ts";
import { binaryHeader } from "../support/proxy-header.ts";
import { freePorts, TestServer } from "../support/server.ts";

/** Something of everything that counts, so that as much as possible has happened at least once. */
const COREFILE = `. {
  errors
  log
  prometheus 127.0.0.1:{HTTP}
  health 127.0.0.1:{HTTP2} {
    lameduck 0s
  }
  ready 127.0.0.1:{HTTP3}
  proxyproto
  cookie
  rrl rrl.test {
    responses-per-second 0.1
    requests-per-second 2
    slip-ratio 1
  }
  acl acl.test {
    block type A
    filter type AAAA
    drop type MX
    allow
  }
  cache 30 {
    success 1024
    denial 1024
  }
  hosts hosts.example hosts.test {
    fallthrough
  }
  template IN A good.test {
    answer "{{ .Name }} 60 IN A 192.0.2.1"
  }
  template IN A bad.test {
    answer "{{ .Name }} 60 IN A not-an-address"
  }
  template IN A broken.test {
    answer "{{ index .Group 7 }}{{ .Group.none.more }}"
  }
  forward . {UPSTREAM} {
    max_concurrent 1000
  }
  loop
  reload 2s
}
`;

const QUESTIONS = [
  ...["www.acl.test. A", "www.acl.test. AAAA", "www.acl.test. MX", "www.acl.test. TXT"],
  ...["www.hosts.test. A", "www.good.test. A", "www.bad.test. A", "www.broken.test. A"],
  ...["www.rrl.test. A", "www.rrl.test. A", "www.rrl.test. A"],
  ...["www.example.org. A", "www.example.org. A", "other.example.org. A"],
];

/** Documented, and shown only after what this test does not make happen. By the beginning of their names. */
const NOT_HERE = [
  "coredns_proxy_healthcheck_failures_total",
  "coredns_proxy_ignored_responses_total",
  "coredns_cache_evictions_total",
  "coredns_cache_prefetch_total",
  "coredns_cache_served_stale_total",
  "coredns_cache_drops_total",
  "coredns_reload_version_info",
  "coredns_template_template_failures_total",
  "coredns_proxy_conn_cache_hits_total",
  "weftdns_cache_joined_total",
  "weftdns_drops_total",
  "weftdns_kernel_drops_total",
  "weftdns_loop_detected",
  "weftdns_worker_restarts_total",
  // Without a cluster there is nothing to count.
  "coredns_kubernetes_",
  "weftdns_kubernetes_",
  "coredns_autopath_",
  "weftdns_istio_",
];

/** Always 0 and without a page: CoreDNS's dashboards ask for it, its plugin `local` is not here. */
const UNCOUNTED = "coredns_local_localhost_requests_total";

/** Names of families with the labels that any of their lines has. */
function exported(text: string): Map<string, Set<string>> {
  const families = new Map<string, Set<string>>();
  const histograms = new Set([...text.matchAll(/^# TYPE (\S+) histogram$/gm)].map((match) => match[1]!));
  for (const [, line = "", labels = ""] of text.matchAll(/^([a-z_]+)(?:\{(.*)\})? \S+$/gm)) {
    const base = line.replace(/_(bucket|sum|count)$/, "");
    const name = histograms.has(base) ? base : line;
    const seen = families.get(name) ?? new Set<string>();
    families.set(name, seen);
    for (const [, label = ""] of labels.matchAll(/(?:^|,)(\w+)="/g)) if (label !== "le") seen.add(label);
  }
  return families;
}

test("what is exported is documented with its labels, and what is documented is exported", {
  timeout: 60_000,
}, async () => {
  const upstream = await Fakeup.start();
  const [http, http2, http3] = await freePorts(3);
  const placeholders = { HTTP: `${http}`, HTTP2: `${http2}`, HTTP3: `${http3}`, UPSTREAM: upstream.to };
  let server: TestServer | undefined;
  try {
    server = await TestServer.start({
      corefile: COREFILE.replace(/^\. \{/, ".:{PORT} {"),
      files: { "hosts.example": "192.0.2.1 www.hosts.test\n" },
      placeholders,
    });
    for (const ask of QUESTIONS) await server.ask({ ask }, 500);
    await server.ask({ ask: "do.example.org. A", edns: { do: true, options: ["10 0102030405060708"] }, over: "tcp" });
    await server.ask({ ask: "proxied.example.org. A", header: binaryHeader() });
    const families = exported((await get(http!, "/metrics"))!.text);
    assert.ok(families.size > 30, `${families.size} families are exported`);
    const documented = documentedMetrics(projectRoot);
    const rowOf = (name: string) =>
      documented.find((row) => row.name === name) ??
      documented.find((row) => row.name.endsWith("*") && name.startsWith(row.name.slice(0, -1)));

    const wrong: string[] = [];
    for (const [name, labels] of families) {
      const row = rowOf(name);
      const has = [...labels].sort().join();
      if (name === UNCOUNTED) continue;
      if (!row) wrong.push(`${name} is exported and not documented`);
      else if (has !== [...row.labels].sort().join())
        wrong.push(`${name} is exported with {${has}}, not {${row.labels}}`);
    }
    for (const { name } of documented) {
      if (name.endsWith("*") || families.has(name) || NOT_HERE.some((start) => name.startsWith(start))) continue;
      wrong.push(`${name} is documented and not exported`);
    }
    assert.deepEqual(wrong, []);
  } finally {
    await server?.stop();
    await upstream.stop();
  }
});
