/** prometheus: what it counts, as its text says it, and what it says of addresses and files that are no good. */
import type { ParityServer } from "../case.ts";

/** A line of the text, its labels in the order that both have. */
const line = (text: string) => new RegExp(`^${text.replace(/[.{}()+?|[\]\\]/g, "\\$&").replace("PORT", "\\d+")}$`, "m");
const metrics = (text: string) => ({ get: "{PORT2}/metrics", status: 200, type: TYPE, body: line(text) });
const TYPE = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";

const whoami = { flags: "qr aa rd" };

export const servers: ParityServer[] = [
  {
    name: "prometheus, counts",
    corefile: `example.org:{PORT} sub.example.org:{PORT} {
      prometheus 127.0.0.1:{PORT2}
      errors
      whoami
    }
    other.test:{PORT} {
      prometheus 127.0.0.1:{PORT2} {
        runtime_metrics
      }
      acl {
        drop net 127.0.0.2
      }
      whoami
    }
    silent.test:{PORT} {
      whoami
    }
    empty.test:{PORT} {
    }`,
    cases: [
      {
        ask: "www.example.org. A",
        reply: whoami,
        http: [
          metrics(
            'coredns_dns_requests_total{family="1",proto="udp",server="dns://:PORT",type="A",view="",zone="example.org."} 1',
          ),
          metrics(
            'coredns_dns_responses_total{plugin="errors",rcode="NOERROR",server="dns://:PORT",view="",zone="example.org."} 1',
          ),
          metrics(
            'coredns_dns_request_size_bytes_sum{proto="udp",server="dns://:PORT",view="",zone="example.org."} 33',
          ),
          metrics(
            'coredns_dns_response_size_bytes_sum{proto="udp",server="dns://:PORT",view="",zone="example.org."} 103',
          ),
          metrics(
            'coredns_dns_response_size_bytes_bucket{proto="udp",server="dns://:PORT",view="",zone="example.org.",le="511"} 1',
          ),
          metrics('coredns_dns_request_duration_seconds_count{server="dns://:PORT",view="",zone="example.org."} 1'),
          metrics('coredns_plugin_enabled{name="whoami",server="dns://:PORT",view="",zone="example.org."} 1'),
          {
            get: "{PORT2}/metrics?name[]=coredns_panics_total&name[]=none",
            status: 200,
            type: TYPE,
            body: /^# HELP coredns_panics_total .*\n# TYPE coredns_panics_total counter\ncoredns_panics_total 0\n$/,
          },
        ],
      },
      {
        ask: "www.sub.example.org. TYPE65280",
        edns: { size: 1232, do: true },
        to: "::1",
        reply: whoami,
        http: [
          metrics(
            'coredns_dns_requests_total{family="2",proto="udp",server="dns://:PORT",type="other",view="",zone="sub.example.org."} 1',
          ),
          metrics('coredns_dns_do_requests_total{server="dns://:PORT",view="",zone="sub.example.org."} 1'),
        ],
      },
      {
        ask: "www.other.test. HTTPS",
        over: "tcp",
        reply: whoami,
        http: [
          metrics(
            'coredns_dns_requests_total{family="1",proto="tcp",server="dns://:PORT",type="HTTPS",view="",zone="other.test."} 1',
          ),
          metrics(
            'coredns_dns_responses_total{plugin="acl",rcode="NOERROR",server="dns://:PORT",view="",zone="other.test."} 1',
          ),
        ],
      },
      {
        ask: "www.other.test. A",
        from: "127.0.0.2",
        reply: { noReply: true },
        http: [
          metrics(
            'coredns_dns_responses_total{plugin="",rcode="NOERROR",server="dns://:PORT",view="",zone="other.test."} 1',
          ),
        ],
      },
      { ask: "www.silent.test. A", reply: whoami },
      {
        ask: "nobody.test. A",
        reply: { rcode: "REFUSED" },
        http: [
          metrics(
            'coredns_dns_responses_total{plugin="",rcode="REFUSED",server="dns://:PORT",view="",zone="dropped"} 1',
          ),
          metrics('coredns_dns_response_size_bytes_sum{proto="udp",server="dns://:PORT",view="",zone="dropped"} 29'),
        ],
      },
      { ask: "version.bind. TXT CH", reply: { rcode: "REFUSED" } },
      { ask: "www.empty.test. A", reply: { rcode: "REFUSED" } },
      {
        ask: "a message that ends with its header",
        raw: "0000 0100 0001 0000 0000 0000",
        reply: { rcode: "SERVFAIL", question: "none" },
        http: [
          metrics(
            'coredns_dns_responses_total{plugin="",rcode="REFUSED",server="dns://:PORT",view="",zone="dropped"} 3',
          ),
          metrics(
            'coredns_dns_responses_total{plugin="",rcode="SERVFAIL",server="dns://:PORT",view="",zone="dropped"} 1',
          ),
          metrics(
            'coredns_dns_requests_total{family="1",proto="udp",server="dns://:PORT",type="other",view="",zone="dropped"} 1',
          ),
          metrics("coredns_panics_total 0"),
          { get: "{PORT2}/", status: 404, type: "text/plain; charset=utf-8", body: "404 page not found\n" },
        ],
      },
    ],
  },
  {
    name: "prometheus, addresses that are no good",
    upstreams: { taken: { rules: [] } },
    corefile: `example.org:{PORT} {
      prometheus {UP:taken}
      whoami
    }
    example.net:{PORT} {
      prometheus 127.0.0.1:{PORT2}
      whoami
    }
    example.com:{PORT} {
      prometheus 192.0.2.1:{PORT2}
      whoami
    }
    a.test:{PORT} {
      prometheus 127.0.0.1:99999
      whoami
    }
    b.test:{PORT} {
      prometheus 127.0.0.1:0 {
        tls {DIR}/none.yml
      }
      whoami
    }
    c.test:{PORT} {
      prometheus [::1]:0 {
        tls {DIR}/half.yml
      }
      whoami
    }`,
    files: { "half.yml": "tls_server_config:\n  key_file: server.key\n" },
    prints: [
      "[ERROR] Failed to start metrics handler: listen tcp {UP:taken}: bind: address already in use",
      "[ERROR] Failed to start metrics handler: listen tcp 192.0.2.1:{PORT2}: bind: cannot assign requested address",
      "[ERROR] Failed to start metrics handler: listen tcp: address 99999: invalid port",
      "[ERROR] Invalid TLS config: open {DIR}/none.yml: no such file or directory",
      "[ERROR] Invalid TLS config: missing one of cert or cert_file",
    ],
    cases: [
      {
        ask: "www.example.net. A",
        reply: whoami,
        http: [
          metrics(
            'coredns_dns_requests_total{family="1",proto="udp",server="dns://:PORT",type="A",view="",zone="example.net."} 1',
          ),
        ],
      },
    ],
  },
];
