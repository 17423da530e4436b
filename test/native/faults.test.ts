/** C7 and rule 17: every answer that the kernel may give to a send, by a sendmmsg that fails on command. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { QUEUE_BYTES, QUEUE_DATAGRAMS } from "../../src/transport/packets.ts";
import { skipNative } from "../transport/udp-support.ts";
import type { FaultResult, FaultRow } from "./faults-child.ts";

const { ECONNREFUSED, ENETUNREACH } = constants.errno;

const numbered = (count: number) => Array.from({ length: count }, (_, i) => String(i));
const roundsOf = (texts: string[], size: number) =>
  Array.from({ length: Math.ceil(texts.length / size) }, (_, i) => texts.slice(i * size, (i + 1) * size));

const many = numbered(1280);
const large = numbered(200);
const size = 16384;
const kept = QUEUE_BYTES / size;
/** Fifty clients with so much each that one datagram more, if it is large, has the largest share. */
const nearlyFull = numbered(50).map((i) => `${Number(i) + 100}@`.padEnd(20_000, "."));

interface Case extends FaultRow, Partial<FaultResult> {
  readonly name: string;
  /** Where the order between clients is the hash's. */
  readonly check?: (arrived: string[]) => void;
}

const basicRows: Case[] = [
  {
    name: "EPERM for one destination costs only that entry",
    connected: false,
    rounds: [["a", "!EPERM9", "b", "!EPERM9", "!EPERM9", "c"]],
    accepted: [3],
    arrived: ["a", "b", "c"],
    counts: { SENT: 3, LOST_FORBIDDEN: 3 },
  },
  {
    name: "errors of each kind have a counter of their own",
    connected: false,
    rounds: [["!EINVAL9", "a", "!ENETUNREACH9", "!ECONNREFUSED9", "b"]],
    accepted: [2],
    arrived: ["a", "b"],
    counts: { SENT: 2, LOST_OTHER: 1, LOST_UNREACHABLE: 1, LOST_REFUSED: 1 },
  },
  {
    name: "EINTR is tried again at once",
    connected: false,
    rounds: [["a", "!EINTR3", "b"]],
    accepted: [3],
    arrived: ["a", "!EINTR0", "b"],
    counts: { SENT: 3 },
  },
  {
    name: "EAGAIN: the rest waits and leaves newest first",
    connected: false,
    rounds: [["a", "!EAGAIN1", "b", "c"]],
    accepted: [4],
    arrived: ["a", "c", "b", "!EAGAIN0"],
    counts: { SENT: 4, QUEUED: 3 },
  },
  {
    name: "EAGAIN for good: tried when there is room, never lost, never sent twice",
    connected: false,
    rounds: [["a", "!FULL2", "b", "c"], ["d"]],
    accepted: [4, 1],
    arrived: ["a", "!FULL0", "d", "c", "b"],
    counts: { SENT: 5, QUEUED: 3 },
  },
  {
    name: "ENOBUFS: tried again a little later",
    connected: false,
    rounds: [["a", "!ENOBUFS3", "b"]],
    accepted: [3],
    arrived: ["a", "b", "!ENOBUFS0"],
    counts: { SENT: 3, QUEUED: 2 },
  },
  {
    name: "a batch that is large enough for its socket to rest",
    connected: false,
    rounds: [["!EAGAIN2", ...many.slice(0, 100)]],
    accepted: [101],
    counts: { SENT: 101, QUEUED: 101 },
  },
  {
    name: "an error inside the queue costs only its entry",
    connected: false,
    rounds: [["!FULL1", "a", "!EPERM9", "b"]],
    accepted: [4],
    arrived: ["!FULL0", "b", "a"],
    counts: { SENT: 3, QUEUED: 3, LOST_FORBIDDEN: 1 },
  },
  {
    name: `a queue of more than ${QUEUE_DATAGRAMS}: the oldest make room`,
    connected: false,
    rounds: [["!FULL2"], ...roundsOf(many, 128)],
    accepted: [1, ...Array<number>(10).fill(128)],
    arrived: ["!FULL0", ...many.slice(-QUEUE_DATAGRAMS).reverse()],
    counts: { SENT: 1 + QUEUE_DATAGRAMS, QUEUED: 1280, LOST_QUEUE_FULL: 1280 - QUEUE_DATAGRAMS },
  },
  {
    name: `a queue of more than ${QUEUE_BYTES} bytes: the oldest make room`,
    connected: false,
    rounds: [["!FULL2"], ...roundsOf(large, 100)],
    size,
    arrived: ["!FULL0", ...large.slice(-kept).reverse()],
    counts: { SENT: 1 + kept, QUEUED: 200, LOST_QUEUE_FULL: 200 - kept },
  },
  {
    name: "while something waits nothing overtakes it, even if there is room",
    connected: false,
    rounds: [
      ["a", "!ENOBUFS1", "b"],
      ["c", "d"],
    ],
    accepted: [3, 2],
    arrived: ["a", "d", "c", "b", "!ENOBUFS0"],
    counts: { SENT: 5, QUEUED: 4 },
  },
  {
    name: "clients take turns, the newest of each first",
    connected: false,
    clients: true,
    rounds: [["!FULL1", ...["a", "b", "c", "d", "e"].map((text) => `2@${text}`), "3@a", "4@a", "4@b"]],
    accepted: [9],
    counts: { SENT: 9, QUEUED: 8 },
    check(arrived) {
      assert.equal(arrived[0], "!FULL0");
      assert.deepEqual(arrived.slice(1, 4).sort(), ["2@e", "3@a", "4@b"]);
      assert.deepEqual(arrived.slice(4, 6).sort(), ["2@d", "4@a"]);
      assert.deepEqual(arrived.slice(6), ["2@c", "2@b", "2@a"]);
    },
  },
  {
    name: `a queue of more than ${QUEUE_DATAGRAMS}: who sends most makes room`,
    connected: false,
    clients: true,
    rounds: [["!FULL2", "2@a", "2@b"], ...roundsOf(many, 64), ["3@a"]],
    accepted: [3, ...Array<number>(20).fill(64), 1],
    counts: { SENT: 1 + QUEUE_DATAGRAMS, QUEUED: 1283, LOST_QUEUE_FULL: 1283 - QUEUE_DATAGRAMS },
    check(arrived) {
      assert.deepEqual(arrived.slice(1, 6).filter(isNamed).sort(), ["2@a", "2@b", "3@a"]);
      assert.deepEqual(arrived.slice(1).filter(isNumber), many.slice(3 - QUEUE_DATAGRAMS).reverse());
    },
  },
  {
    name: `a queue of more than ${QUEUE_BYTES} bytes: who sends most makes room`,
    connected: false,
    clients: true,
    rounds: [["!FULL2", "2@a", "2@b"], ...roundsOf(large, 50), ["3@a"]],
    size,
    counts: { SENT: 3 + kept, QUEUED: 203, LOST_QUEUE_FULL: 201 - kept },
    check(arrived) {
      assert.deepEqual(arrived.slice(1, 6).filter(isNamed).sort(), ["2@a", "2@b", "3@a"]);
      assert.deepEqual(arrived.slice(1).filter(isNumber), large.slice(1 - kept).reverse());
    },
  },
  {
    name: "a single datagram with the largest share makes room itself, and is not accepted",
    connected: false,
    clients: true,
    rounds: [["!FULL2"], nearlyFull, ["2@".padEnd(60_000, "."), "3@a"]],
    accepted: [1, 50, 1],
    counts: { SENT: 52, QUEUED: 52, LOST_QUEUE_FULL: 1 },
    check: (arrived) => assert.ok(arrived.includes("3@a") && !arrived.includes("2@")),
  },
  {
    name: "a socket that is removed loses what waits",
    connected: false,
    clients: true,
    rounds: [
      ["a", "!ENOBUFS1", "b"],
      ["2@a", "3@a"],
    ],
    accepted: [3, 2],
    arrived: ["a"],
    counts: { SENT: 1, QUEUED: 4, LOST_QUEUE_FULL: 4 },
    removed: true,
  },
  {
    name: "more clients than lanes: some share, all are sent to",
    connected: false,
    clients: true,
    rounds: [
      ["!FULL2"],
      ...roundsOf(
        numbered(400).flatMap((i) => [`${Number(i) + 2}@a`, `${Number(i) + 2}@b`]),
        64,
      ),
    ],
    counts: { SENT: 801, QUEUED: 800 },
    check: (arrived) => assert.equal(new Set(arrived).size, 801),
  },
  {
    name: "ECONNREFUSED left over from an earlier datagram: the entry is tried again, the owner is told",
    connected: true,
    rounds: [["a", "!ECONNREFUSED1", "b"]],
    accepted: [3],
    arrived: ["a", "!ECONNREFUSED0", "b"],
    errors: [-ECONNREFUSED],
    counts: { SENT: 3 },
  },
  {
    name: "ECONNREFUSED twice: the entry is lost, once",
    connected: true,
    rounds: [["a", "!ECONNREFUSED9", "b"]],
    accepted: [2],
    arrived: ["a", "b"],
    errors: [-ECONNREFUSED],
    counts: { SENT: 2, LOST_REFUSED: 1 },
  },
  {
    name: "other errors of a connected socket are told as well",
    connected: true,
    rounds: [["!EPERM9"], ["!ENETUNREACH9", "a"]],
    accepted: [0, 1],
    arrived: ["a"],
    errors: [-ENETUNREACH],
    counts: { SENT: 1, LOST_FORBIDDEN: 1, LOST_UNREACHABLE: 1 },
  },
  {
    name: "a connected socket waits as well",
    connected: true,
    rounds: [["!FULL1", "a", "b"]],
    arrived: ["!FULL0", "b", "a"],
    counts: { SENT: 3, QUEUED: 2 },
  },
];

function isNamed(text: string): boolean {
  return text.includes("@");
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

// Each once more with the socket in an epoll of the port's own, and those that can be once more from inside a batch.
const rows = basicRows.flatMap((row) => [
  row,
  { ...row, name: `${row.name}; one of several sockets`, crowded: true },
  ...(row.connected || row.rounds.length > 1
    ? []
    : [{ ...row, name: `${row.name}; from inside a batch`, inside: true }]),
]);

describe("C7: what sendmmsg may answer", { skip: skipNative }, () => {
  const results = skipNative ? [] : runRows();
  rows.forEach(({ name, accepted, arrived, errors, counts, inside, check }, i) => {
    test(name, () => {
      const result = results[i]!;
      assert.deepEqual(result.counts, counts);
      if (arrived) assert.deepEqual(result.arrived, arrived);
      else assert.equal(result.arrived.length, result.counts.SENT);
      check?.(result.arrived);
      assert.deepEqual(result.errors, errors ?? []);
      if (accepted) assert.deepEqual(result.accepted, inside ? accepted.slice(1) : accepted);
    });
  });
});

function runRows(): FaultResult[] {
  const directory = mkdtempSync(join(tmpdir(), "weftdns-faults-"));
  try {
    const library = join(directory, "faults.so");
    const source = join(import.meta.dirname, "faults.c");
    execFileSync(process.env.CC ?? "cc", [
      "-O2",
      "-Wall",
      "-Wextra",
      "-Werror",
      "-shared",
      "-fPIC",
      "-o",
      library,
      source,
    ]);
    const output = execFileSync(process.execPath, [join(import.meta.dirname, "faults-child.ts")], {
      input: JSON.stringify(rows),
      env: { ...process.env, LD_PRELOAD: library, NODE_TEST_CONTEXT: "" },
      timeout: 20_000,
    });
    return JSON.parse(String(output));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
