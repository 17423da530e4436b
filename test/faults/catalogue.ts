/**
 * The rows that docs/reliability.md shows, and where each is tested. Rows that are tested elsewhere are named, not written
 * twice; what nobody tests, or what does not hold yet, says so.
 */

export interface FaultRow {
  readonly id: string;
  /** What is done to the server, and what it must do. */
  readonly fault: string;
  /** Files, and which of their tests, when not all. */
  readonly tests?: readonly (readonly [file: string, name?: RegExp])[];
  /** What is not there, or not tested. */
  readonly open?: string;
}

const faults = (name: string) => `test/faults/${name}.test.ts`;
const server = (name: string) => `test/server/${name}.test.ts`;
const plugins = (name: string) => `test/plugins/${name}.test.ts`;

const bytes: readonly FaultRow[] = [
  {
    id: "A1",
    fault: "messages of every length, zeros, ones, random: nothing below 12 bytes is answered",
    tests: [[server("hostile"), /^A1/]],
  },
  { id: "A2", fault: "replies, and packets from ports that echo: no loop", tests: [[server("hostile"), /^A2/]] },
  {
    id: "A3",
    fault: "compression that leads to itself, forward, in circles, past the end",
    tests: [
      [faults("mutation"), /^A3/],
      ["test/dns/wire-name.test.ts"],
      ["test/dns/message.test.ts", /^(skipName|checkMessage|checkRecord)/],
    ],
  },
  {
    id: "A4",
    fault: "names at and beyond their limits, any bytes in labels",
    tests: [["test/dns/name-text.test.ts"], ["test/dns/request.test.ts", /^request/]],
  },
  { id: "A5", fault: "counts and lengths that lie, bytes behind the end", tests: [[server("hostile"), /^A5/]] },
  {
    id: "A6",
    fault: "no question, two questions, other classes",
    tests: [
      [server("hostile"), /^A6/],
      [faults("reflection"), /^A6/],
    ],
  },
  {
    id: "A7",
    fault: "OPT twice, misplaced, with thousands of options",
    tests: [
      [server("hostile"), /^A7/],
      [faults("mutation"), /^A7/],
    ],
  },
  { id: "A8", fault: "every opcode, meta types, NOTIFY and UPDATE of strangers", tests: [[server("hostile"), /^A8/]] },
  {
    id: "A9",
    fault: "messages changed by seed, and led by the blocks that they take, through all that reads and writes them",
    tests: [
      [faults("mutation"), /^A9/],
      [faults("guided"), /^A9/],
      [server("hostile"), /changed packets/],
    ],
  },
  {
    id: "A10",
    fault: "reading and writing again changes nothing, unknown types keep their bytes",
    tests: [
      ["test/dns/record.test.ts", /random messages|unknown types/],
      ["test/dns/reply.test.ts", /rewrite\(records\(\)\)/],
    ],
  },
  {
    id: "A11",
    fault: "the same changed messages to named, knotd, nsd, unbound, CoreDNS",
    tests: [[faults("disagreement")]],
  },
  {
    id: "A12",
    fault: "answers that defeat compression",
    tests: [
      [faults("mutation"), /^A12/],
      ["test/dns/reply.test.ts", /^compression/],
    ],
  },
  {
    id: "A13",
    fault: "hostile Corefiles, zones, hosts, lists of servers: an error with its place, bounded time and memory",
    tests: [
      [faults("files"), /^A13/],
      ["test/corefile/fuzz.test.ts"],
      ["test/zone/master-file.test.ts", /^master file: (a few|includes|any|damaged|whatever|too)/],
    ],
  },
  {
    id: "B1",
    fault: "RFC 8906 section 8 for names from a file, hosts, forward and cache",
    tests: [[faults("compliance"), /^B1/]],
  },
  {
    id: "B2",
    fault: "every size of a client's buffer with every size of an answer",
    tests: [[faults("compliance"), /^B2/]],
  },
  {
    id: "B3",
    fault: "the same query over every transport",
    tests: [[faults("compliance"), /^B3/]],
    open: "DNS over TLS, HTTPS and gRPC",
  },
];

const clients: readonly FaultRow[] = [
  {
    id: "C1",
    fault: "TCP clients that drip, stop in the middle, or say nothing",
    tests: [
      [faults("tcp"), /^C1/],
      ["test/transport/stream.test.ts", /C1/],
    ],
  },
  {
    id: "C2",
    fault: "thousands of connections of one address, and of many",
    tests: [
      [faults("tcp"), /^C2/],
      ["test/transport/stream.test.ts", /one address/],
    ],
  },
  {
    id: "C3",
    fault: "clients that ask for much and never read",
    tests: [
      [faults("tcp"), /^C3/],
      ["test/transport/stream.test.ts", /C3/],
    ],
    open: "the same with AXFR",
  },
  {
    id: "C4",
    fault: "10,000 queries in one write",
    tests: [
      [faults("tcp"), /^C4/],
      ["test/transport/stream.test.ts", /C4/],
    ],
  },
  {
    id: "C5",
    fault: "FIN, RST and half-close at any time, a thousand connections a second",
    tests: [
      [faults("tcp"), /^C5/],
      ["test/transport/stream.test.ts", /C5/],
    ],
  },
  { id: "C6", fault: "no descriptors left", tests: [[faults("tcp"), /^C6/]] },
  {
    id: "C7",
    fault:
      "clients that are gone, a slow line, also with greedy neighbours, forbidden destinations, every error of a send",
    tests: [[faults("namespace"), /^C7:/], ["test/native/namespace.test.ts", /^C7/], ["test/native/faults.test.ts"]],
  },
  {
    id: "C8",
    fault: "answers come from the address that was asked",
    tests: [["test/transport/udp-native.test.ts", /asked at/]],
  },
  {
    id: "C9",
    fault: "datagrams larger than a slot, source port 0, broadcast source",
    tests: [
      ["test/transport/udp.test.ts", /C9/],
      ["test/native/namespace.test.ts", /^C9/],
    ],
  },
];

const upstreams: readonly FaultRow[] = [
  {
    id: "E1",
    fault: "loss, delay, reordering and duplicates on the way to upstreams",
    tests: [[server("upstream-faults"), /^E1/]],
  },
  { id: "E2", fault: "bad packets before the right answer", tests: [[plugins("forward-faults"), /^E2/]] },
  { id: "E3", fault: "the right packet from a wrong address or port", tests: [[plugins("forward-faults"), /^E3/]] },
  { id: "E4", fault: "TC, and then no TCP", tests: [[plugins("forward-faults"), /^E4/]] },
  { id: "E5", fault: "FORMERR to EDNS, once, forged", tests: [[plugins("forward-faults"), /^E5/]] },
  {
    id: "E6",
    fault: "upstreams that are dead, slow, lying, flapping",
    tests: [
      [plugins("forward-faults"), /^E6/],
      [faults("upstream"), /^E6/],
    ],
  },
  {
    id: "E7",
    fault: "TCP connections closed as we write, half-open ones",
    tests: [[plugins("forward-faults"), /^E7/]],
  },
  { id: "E8", fault: "upstreams over TLS that are not who they should be", open: "DNS over TLS" },
  {
    id: "E9",
    fault: "a slow upstream under a flood of misses",
    tests: [
      [server("upstream-faults"), /^E9/],
      [server("upstream-faults-joined"), /^E9/],
    ],
  },
  { id: "E10", fault: "1,000 clients with one question at once", tests: [[server("upstream-faults-joined"), /^E10/]] },
  {
    id: "E11",
    fault: "servers that forward to themselves or to each other",
    tests: [
      [plugins("loop"), /^loop: (a server that|two servers)/],
      [plugins("forward-crowd"), /^E11/],
      [faults("upstream"), /^E11/],
    ],
  },
  {
    id: "E12",
    fault: "strange TTLs, BADCOOKIE for ever, 4,000 records, aliases that lead nowhere",
    tests: [
      [plugins("forward-faults"), /^E12/],
      [faults("upstream"), /^E12/],
    ],
  },
];

const floods: readonly FaultRow[] = [
  {
    id: "I1",
    fault: "more than the capacity, from one address, from a hundred, from a million",
    tests: [["test/worker/overload.test.ts"], [faults("overload"), /^I1/]],
  },
  {
    id: "I2",
    fault: "names that do not exist, below a zone that is forwarded and in a cluster",
    tests: [[faults("upstream"), /^I2/]],
  },
  {
    id: "I3",
    fault: "reflection: small queries with forged sources",
    tests: [[faults("reflection"), /^I3/], [plugins("rrl")], [plugins("any")]],
  },
  {
    id: "I4",
    fault:
      "cookies: the vectors of RFC 9018, old ones, other clients', other secrets, a secret that is changed, behind a proxy",
    tests: [[plugins("cookie")], [faults("reflection"), /^I4/], [server("proxied"), /^I4/]],
  },
  {
    id: "I5",
    fault: "a million prefixes against the limiter's own state, and prefixes chosen to collide in it",
    tests: [["test/worker/heavy-senders.test.ts"], [plugins("forward-crowd")]],
  },
  {
    id: "I6",
    fault: "expensive clients beside cheap ones",
    tests: [
      [faults("tcp"), /^I6/],
      [faults("overload"), /^I6/],
      [faults("expensive"), /^I6/],
    ],
    open: "p99 within 2 × the idle one: on the one CPU that it has there, the kernel's own thread and V8's take turns with the worker's",
  },
];

const threads: readonly FaultRow[] = [
  {
    id: "J1",
    fault: "a worker throws, or a promise of it is rejected",
    tests: [
      [faults("process"), /^J1/],
      [server("faults"), /^(throw|reject|crash)/],
    ],
  },
  {
    id: "J2",
    fault: "a worker stalls, loops for ever, or runs out of heap; the main thread stalls",
    tests: [
      [faults("process"), /^J2/],
      [server("faults"), /^(spin|heap|stall)/],
    ],
    open: "TCP: the kernel goes on giving a worker that hangs its share of new connections, which are reset when it is replaced",
  },
  {
    id: "J3",
    fault: "the process is killed",
    tests: [[faults("process"), /^J3/], ["test/parent/parent.test.ts"]],
  },
  {
    id: "J4",
    fault: "writers and readers of the same answers",
    tests: [["test/stress/answer-cache.test.ts", /none is torn/]],
  },
  {
    id: "J5",
    fault: "a writer dies between any two stores",
    tests: [
      ["test/memory/answer-table.test.ts", /dies at any step/],
      ["test/stress/answer-cache.test.ts", /killed/],
      ["test/memory/in-flight.test.ts", /dead one|owner dies/],
    ],
  },
  {
    id: "J6",
    fault: "bits flip in shared memory, lengths lie",
    tests: [["test/memory/answer-table.test.ts", /any bit|that lie/]],
  },
  {
    id: "J7",
    fault: "a full table, keys that collide, giant answers, versions that wrap",
    tests: [
      ["test/memory/answer-table.test.ts", /all keys in one set|one hash|as many answers|largest number/],
      ["test/memory/answer-cache.test.ts"],
    ],
  },
  {
    id: "J8",
    fault: "the process stands still (SIGSTOP), the clock jumps",
    tests: [[faults("process"), /^J8/], [faults("clock")]],
  },
  { id: "J9", fault: "nobody reads the log", tests: [[faults("log-reader")], ["test/native/write-now.test.ts"]] },
];

const operation: readonly FaultRow[] = [
  {
    id: "K1",
    fault: "a reload with each of 200 broken Corefiles, with ports that are taken",
    tests: [[server("broken-corefiles")]],
  },
  {
    id: "K2",
    fault: "many good reloads that add and take away listeners, zones, plugins",
    tests: [[server("reload-many")], [server("reload"), /^reload/]],
  },
  {
    id: "K3",
    fault: "SIGTERM under load, amid a reload, twice",
    tests: [[server("stop")]],
    open: "transfers, HTTP/2 and gRPC",
  },
  {
    id: "K4",
    fault: "writing files on a full or failing disk",
    open: "nothing is written yet but the file of the process's number",
  },
  {
    id: "K5",
    fault: "zone and hosts files replaced by empty, partial, bigger ones, directories, nothing",
    tests: [
      [faults("files"), /^K5/],
      [plugins("file"), /bad file|missing|exchanged|exchanges/],
    ],
  },
  {
    id: "K6",
    fault: "a start with a port that is taken, without rights, without IPv6, with mistakes",
    tests: [[server("faults-start")], [faults("start")]],
  },
];

const kubernetes = (name: string) => `test/kubernetes/api/${name}.test.ts`;

const cluster: readonly FaultRow[] = [
  { id: "L1", fault: "the Kubernetes API is not there at the start", tests: [[kubernetes("reflector"), /^L1/]] },
  { id: "L2", fault: "what a watch wants to go on from is gone", tests: [[kubernetes("reflector"), /^L2/]] },
  { id: "L3", fault: "a watch falls silent", tests: [[kubernetes("reflector"), /^L3/]] },
  { id: "L4", fault: "events are lost, and nobody says so", tests: [[kubernetes("self-check"), /^L4/]] },
  { id: "L5", fault: "the API is away, and comes back older", tests: [[kubernetes("reflector"), /L5/]] },
  {
    id: "L6",
    fault: "deletions unseen, events doubled, out of order, in floods",
    tests: [[kubernetes("reflector"), /^L6/]],
  },
  {
    id: "L7",
    fault: "tokens and certificates change, 401, 429",
    tests: [
      [kubernetes("reflector"), /^L7/],
      [kubernetes("tls"), /token|authority|certificate/],
    ],
  },
  {
    id: "L8",
    fault: "100,000 endpoints, lists that are cut at any byte",
    tests: [
      [kubernetes("big-list"), /^L8/],
      [kubernetes("documents"), /cut at any byte/],
    ],
  },
];

const beyond: readonly FaultRow[] = [
  { id: "M1", fault: "a hostile primary", open: "secondary zones" },
  {
    id: "M2",
    fault: "floods of NOTIFY, transfers for strangers, slow readers of them",
    tests: [[server("hostile"), /^A8: (opcode 4|type 25[12])/]],
    open: "transfers",
  },
  { id: "M3", fault: "TSIG", open: "TSIG" },
  {
    id: "N1",
    fault: "any bytes in names, many names and types: logs and metrics",
    tests: [
      [faults("http"), /^N1/],
      [plugins("log"), /log/],
    ],
  },
  {
    id: "N2",
    fault: "slow, huge and a thousand requests to metrics, health, ready",
    tests: [[faults("http"), /^N2/]],
  },
  {
    id: "N3",
    fault: "all workers hang while HTTP lives",
    tests: [[faults("process"), /^N3/]],
  },
];

export const rows: readonly FaultRow[] = [
  ...bytes,
  ...clients,
  ...upstreams,
  ...floods,
  ...threads,
  ...operation,
  ...cluster,
  ...beyond,
];
