/**
 * The configurations of other people's servers, each made for the same work: no log but for errors, no rate limit, no
 * validation, `workers` threads or processes, and a cache only where the work has one.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { asksOverTcp } from "./scenarios.ts";
import type { Command, Setup } from "./servers.ts";

/** Where a cache counts entries: room for more than any working set of hits, unless the scenario wants it small. */
const ampleEntries = 100_000;
/** The longest life that `cache 30` of the Corefile gives an answer. */
const cacheSeconds = 30;

export function prepareNsd(program: string, { directory, port, zoneFile, workers }: Setup): Command {
  const path = join(directory, "nsd.conf");
  writeFileSync(
    path,
    `server:
  ip-address: 127.0.0.1@${port}
  server-count: ${workers}
  reuseport: ${workers > 1 ? "yes" : "no"}
  receive-buffer-size: 4194304
  tcp-count: 256
  username: ""
  database: ""
  pidfile: ""
  zonesdir: "${directory}"
  xfrdir: "${directory}"
  xfrdfile: "${directory}/xfrd.state"
  zonelistfile: "${directory}/zone.list"
  logfile: "/dev/null"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: example.org
  zonefile: ${zoneFile}
`,
  );
  return { program, parameters: ["-d", "-c", path] };
}

export function prepareKnot(program: string, { directory, port, zoneFile, workers }: Setup): Command {
  const path = join(directory, "knot.conf");
  writeFileSync(
    path,
    `server:
  rundir: "${directory}"
  listen: 127.0.0.1@${port}
  udp-workers: ${workers}
  tcp-workers: ${workers}
  background-workers: 1
log:
  - target: stderr
    any: error
database:
  storage: "${directory}"
zone:
  - domain: example.org
    file: "${zoneFile}"
    semantic-checks: off
    zonefile-sync: -1
    journal-content: none
`,
  );
  return { program, parameters: ["-c", path] };
}

export function prepareUnbound(
  program: string,
  { directory, port, work, zoneFile, upstreamPort, workers }: Setup,
): Command {
  const path = join(directory, "unbound.conf");
  const zone =
    work.kind === "zone"
      ? `auth-zone:
  name: "example.org"
  zonefile: "${zoneFile}"
  for-downstream: yes
  for-upstream: no
  fallback-enabled: no
`
      : `forward-zone:
  name: "."
  forward-addr: 127.0.0.1@${upstreamPort}
  forward-tcp-upstream: ${asksOverTcp(work) ? "yes" : "no"}
`;
  /** Room for more than the working set. */
  const cache = `  msg-cache-size: 64m
  rrset-cache-size: 128m
  cache-max-ttl: ${cacheSeconds}
`;
  writeFileSync(
    path,
    `server:
  interface: 127.0.0.1@${port}
  num-threads: ${workers}
  so-reuseport: ${workers > 1 ? "yes" : "no"}
  so-rcvbuf: 4m
  incoming-num-tcp: 256
  outgoing-range: 4096
  num-queries-per-thread: 2048
  module-config: "iterator"
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  chroot: ""
  directory: "${directory}"
  username: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  verbosity: 0
  do-daemonize: no
${work.kind === "stock" ? cache : ""}remote-control:
  control-enable: no
${zone}`,
  );
  return { program, parameters: ["-d", "-c", path] };
}

export function prepareNamed(program: string, setup: Setup): Command {
  const { directory, port, work, zoneFile, upstreamPort, workers } = setup;
  const path = join(directory, "named.conf");
  const isZone = work.kind === "zone";
  writeFileSync(
    path,
    `options {
  directory "${directory}";
  listen-on port ${port} { 127.0.0.1; };
  listen-on-v6 { none; };
  pid-file none;
  lock-file none;
  session-keyfile none;
  dnssec-validation no;
  empty-zones-enable no;
  notify no;
  tcp-clients 1000;
  ${isZone ? "recursion no;" : `recursion yes; recursive-clients 10000; forward only; forwarders { 127.0.0.1 port ${upstreamPort}; };`}
  ${isZone ? "" : `max-cache-size 256m; max-cache-ttl ${cacheSeconds};`}
};
controls { };
logging { channel errors { stderr; severity error; }; category default { errors; }; };
${isZone ? `zone "example.org" { type primary; file "${zoneFile}"; };` : ""}
${asksOverTcp(work) ? "server 127.0.0.1 { tcp-only yes; };" : ""}
`,
  );
  return { program, parameters: ["-4", "-f", "-n", `${workers}`, "-c", path] };
}

/** One process with one thread. STUB forwards without the look-ups that validation would need. */
export function prepareKresd(program: string, { directory, port, work, upstreamPort }: Setup): Command {
  const path = join(directory, "kresd.conf");
  writeFileSync(
    path,
    `net.ipv6 = false
net.listen('127.0.0.1', ${port}, { kind = 'dns' })
cache.size = 256 * MB
cache.max_ttl(${cacheSeconds})
trust_anchors.remove('.')
for _, name in ipairs({ 'ta_update', 'ta_signal_query', 'ta_sentinel', 'priming', 'detect_time_skew', 'detect_time_jump' }) do
  modules.unload(name)
end
log_level('crit')
policy.add(policy.all(policy.FLAGS({ 'NO_0X20'${work.kind === "forward" ? ", 'NO_CACHE'" : ""}${asksOverTcp(work) ? ", 'TCP'" : ""} })))
policy.add(policy.all(policy.STUB('127.0.0.1@${upstreamPort}')))
`,
  );
  return { program, parameters: ["-n", "-c", path, directory] };
}

export function prepareRecursor(program: string, { directory, port, work, upstreamPort, workers }: Setup): Command {
  const settings = {
    "config-dir": directory,
    "socket-dir": directory,
    "local-address": "127.0.0.1",
    "local-port": port,
    threads: workers,
    "pdns-distributes-queries": "no",
    reuseport: workers > 1 ? "yes" : "no",
    "forward-zones-recurse": `.=127.0.0.1:${upstreamPort}`,
    "dont-query": "",
    "allow-from": "127.0.0.0/8",
    dnssec: "off",
    quiet: "yes",
    loglevel: 3,
    daemon: "no",
    "write-pid": "no",
    "security-poll-suffix": "",
    "max-mthreads": 4096,
    "max-tcp-per-client": 0,
    "max-concurrent-requests-per-tcp-connection": 64,
    "max-cache-ttl": cacheSeconds,
    "packetcache-ttl": cacheSeconds,
    "max-cache-entries": entriesOf(work),
    "max-packetcache-entries": entriesOf(work),
    "disable-packetcache": work.kind === "stock" ? "no" : "yes",
  };
  const path = join(directory, "recursor.conf");
  writeFileSync(
    path,
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(""),
  );
  return { program, parameters: [`--config-dir=${directory}`] };
}

/** One listener and its thread for each worker, and batches, as its manual advises under load. */
export function prepareDnsdist(program: string, { directory, port, work, upstreamPort, workers }: Setup): Command {
  const path = join(directory, "dnsdist.conf");
  const listener = `addLocal('127.0.0.1:${port}', { reusePort = true, maxInFlight = 64 })\n`;
  const cache = `getPool(''):setCache(newPacketCache(${entriesOf(work)}, { maxTTL = ${cacheSeconds} }))\n`;
  writeFileSync(
    path,
    `${listener.repeat(workers)}newServer({ address = '127.0.0.1:${upstreamPort}', sockets = 4, maxInFlight = 64, tcpOnly = ${asksOverTcp(work)} })
setMaxUDPOutstanding(65535)
setUDPMultipleMessagesVectorSize(64)
setMaxTCPClientThreads(${workers})
setSecurityPollSuffix('')
${work.kind === "stock" ? cache : ""}`,
  );
  return { program, parameters: ["-C", path, "--supervised", "--disable-syslog"] };
}

export function prepareDnsmasq(program: string, { directory, port, work, upstreamPort }: Setup): Command {
  const path = join(directory, "dnsmasq.conf");
  writeFileSync(
    path,
    `port=${port}
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
user=root
pid-file=
log-facility=-
server=127.0.0.1#${upstreamPort}
dns-forward-max=4096
max-cache-ttl=${cacheSeconds}
cache-size=${work.kind === "stock" ? entriesOf(work) : 0}
`,
  );
  return { program, parameters: ["--keep-in-foreground", `--conf-file=${path}`] };
}

function entriesOf(work: Setup["work"]): number {
  return (work.kind === "stock" && work.cacheEntries) || ampleEntries;
}
