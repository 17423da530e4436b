/**
 * Which entry of a full set makes room? Compares SIEVE, S3-FIFO and CLOCK, each kept per set of 16 ways as the answer
 * cache would keep it, beside random choice (CoreDNS) and a least-recently-used list over the whole table (the ideal that
 * nobody can afford), by the share of queries that miss.
 *
 *   node bench/micro/eviction.ts [QUERIES]
 *
 * Loads: zipf (exponents 0.7 to 1.1) over ten times and a hundred times the capacity; the same with a scan, every other
 * query for a name that never comes again, as a random-subdomain attack or a crawler asks; and a popularity that moves.
 */
const WAYS = 16;
const SETS = 1_000;
const CAPACITY = WAYS * SETS;

interface Policy {
  hit(set: number, way: number): void;
  /** The way that makes room. Ways are filled from 0 up first, which is not asked for. */
  victim(set: number): number;
  inserted(set: number, way: number, key: number): void;
}

/** A hand goes round the set; who was asked for since it came by last gets another round. */
function clock(): Policy {
  const visited = new Uint8Array(CAPACITY);
  const hands = new Uint8Array(SETS);
  return {
    hit: (set, way) => {
      visited[set * WAYS + way] = 1;
    },
    victim: (set) => {
      for (;;) {
        const way = hands[set]!;
        hands[set] = (way + 1) % WAYS;
        if (visited[set * WAYS + way] === 0) return way;
        visited[set * WAYS + way] = 0;
      }
    },
    inserted: (set, way) => {
      visited[set * WAYS + way] = 0;
    },
  };
}

/** As CLOCK, but ways stand in the order of their coming, new ones behind the hand's way, so that they are seen soon. */
function sieve(): Policy {
  const visited = new Uint8Array(CAPACITY);
  /** For each set its ways, the newest first. */
  const orders = Array.from({ length: SETS }, () => [] as number[]);
  const hands = new Int8Array(SETS).fill(-1);
  return {
    hit: (set, way) => {
      visited[set * WAYS + way] = 1;
    },
    victim: (set) => {
      const order = orders[set]!;
      let at = hands[set]! < 0 ? order.length - 1 : hands[set]!;
      while (visited[set * WAYS + order[at]!] === 1) {
        visited[set * WAYS + order[at]!] = 0;
        at = at === 0 ? order.length - 1 : at - 1;
      }
      const way = order[at]!;
      order.splice(at, 1);
      // The next one towards the newest; everything moves by one when the new one comes in front.
      hands[set] = at === 0 ? -1 : at;
      return way;
    },
    inserted: (set, way) => {
      orders[set]!.unshift(way);
      visited[set * WAYS + way] = 0;
    },
  };
}

/** A small queue for newcomers, a main one for those asked again, and a memory of keys that left the small one. */
function s3fifo(smallWays: number, ghosts: number): Policy {
  const counts = new Uint8Array(CAPACITY);
  const small = Array.from({ length: SETS }, () => [] as number[]);
  const main = Array.from({ length: SETS }, () => [] as number[]);
  const ghost = Array.from({ length: SETS }, () => [] as number[]);
  const keys = new Int32Array(CAPACITY);
  return {
    hit: (set, way) => {
      const at = set * WAYS + way;
      if (counts[at]! < 3) counts[at]!++;
    },
    victim: (set) => {
      for (;;) {
        const [newcomers, settled] = [small[set]!, main[set]!];
        if (newcomers.length > smallWays || settled.length === 0) {
          const way = newcomers.shift()!;
          const at = set * WAYS + way;
          if (counts[at]! > 0) {
            counts[at] = 0;
            settled.push(way);
            continue;
          }
          const left = ghost[set]!;
          left.push(keys[at]!);
          if (left.length > ghosts) left.shift();
          return way;
        }
        const way = settled.shift()!;
        const at = set * WAYS + way;
        if (counts[at] === 0) return way;
        counts[at]!--;
        settled.push(way);
      }
    },
    inserted: (set, way, key) => {
      const left = ghost[set]!;
      const known = left.indexOf(key);
      counts[set * WAYS + way] = 0;
      keys[set * WAYS + way] = key;
      if (known >= 0) left.splice(known, 1);
      (known >= 0 ? main : small)[set]!.push(way);
    },
  };
}

/**
 * S3-FIFO as the answer cache keeps it in a few words per set: the queues are two hands that go round the ways in their
 * places, so nothing moves.
 */
function s3hands(smallWays: number, ghosts: number): Policy {
  const counts = new Uint8Array(CAPACITY);
  const settled = new Uint8Array(CAPACITY);
  const keys = new Int32Array(CAPACITY);
  const hands = new Uint8Array(2 * SETS);
  const ghost = new Int32Array(SETS * ghosts).fill(-1);
  const ghostAt = new Uint8Array(SETS);
  return {
    hit: (set, way) => {
      const at = set * WAYS + way;
      if (counts[at]! < 3) counts[at]!++;
    },
    victim: (set) => {
      let newcomers = 0;
      for (let way = 0; way < WAYS; way++) newcomers += 1 - settled[set * WAYS + way]!;
      for (;;) {
        const wanted = newcomers > smallWays || newcomers === WAYS ? 0 : 1;
        let way = hands[2 * set + wanted]!;
        while (settled[set * WAYS + way] !== wanted) way = (way + 1) % WAYS;
        hands[2 * set + wanted] = (way + 1) % WAYS;
        const at = set * WAYS + way;
        if (counts[at] === 0) {
          if (wanted === 0) {
            ghost[set * ghosts + ghostAt[set]!] = keys[at]!;
            ghostAt[set] = (ghostAt[set]! + 1) % ghosts;
          }
          return way;
        }
        if (wanted === 0) {
          counts[at] = 0;
          settled[at] = 1;
          newcomers--;
        } else counts[at]!--;
      }
    },
    inserted: (set, way, key) => {
      const at = set * WAYS + way;
      counts[at] = 0;
      keys[at] = key;
      const known = ghost.subarray(set * ghosts, (set + 1) * ghosts).indexOf(key);
      settled[at] = known >= 0 ? 1 : 0;
      if (known >= 0) ghost[set * ghosts + known] = -1;
    },
  };
}

function random(): Policy {
  return { hit: () => {}, victim: () => Math.floor(Math.random() * WAYS), inserted: () => {} };
}

function missesOf(policy: Policy, trace: Int32Array): number {
  const table = new Int32Array(CAPACITY).fill(-1);
  let misses = 0;
  let asked = 0;
  for (let i = 0; i < trace.length; i++) {
    const key = trace[i]!;
    const set = (((Math.imul(key ^ (key >>> 15), 0x2c1b3c6d) >>> 0) * SETS) / 4_294_967_296) | 0;
    const first = set * WAYS;
    let way = -1;
    for (let w = 0; w < WAYS && way < 0; w++) if (table[first + w] === key) way = w;
    // Names that never come again miss under any policy.
    const counted = key >= 0 && i > trace.length / 4;
    if (counted) asked++;
    if (way >= 0) {
      policy.hit(set, way);
      continue;
    }
    if (counted) misses++;
    for (let w = 0; w < WAYS && way < 0; w++) if (table[first + w] === -1) way = w;
    if (way < 0) way = policy.victim(set);
    table[first + way] = key;
    policy.inserted(set, way, key);
  }
  return misses / asked;
}

function missesOfLru(trace: Int32Array): number {
  const table = new Map<number, true>();
  let misses = 0;
  let asked = 0;
  for (let i = 0; i < trace.length; i++) {
    const key = trace[i]!;
    const counted = key >= 0 && i > trace.length / 4;
    if (counted) asked++;
    if (table.delete(key)) {
      table.set(key, true);
      continue;
    }
    if (counted) misses++;
    table.set(key, true);
    if (table.size > CAPACITY) table.delete(table.keys().next().value!);
  }
  return misses / asked;
}

/** Keys 0 to names-1, drawn by a zipf law; with `scan`, every other one is a key below -1 that is never repeated. */
function makeTrace(queries: number, names: number, exponent: number, scan: boolean, moving: boolean): Int32Array {
  const sums = new Float64Array(names);
  let sum = 0;
  for (let i = 0; i < names; i++) {
    sum += (i + 1) ** -exponent;
    sums[i] = sum;
  }
  let next = -2;
  return Int32Array.from({ length: queries }, (_, i) => {
    if (scan && i % 2 === 0) return next--;
    const wanted = Math.random() * sum;
    let low = 0;
    let high = names - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return moving ? (low + Math.floor((i / queries) * names)) % names : low;
  });
}

const queries = Number(process.argv[2] ?? 2_000_000);
const policies: [string, () => Policy][] = [
  ["random", random],
  ["CLOCK", clock],
  ["SIEVE", sieve],
  ["S3-FIFO 2+14", () => s3fifo(2, 16)],
  ["S3-FIFO 4+12", () => s3fifo(4, 16)],
  ["S3 hands 2", () => s3hands(2, 16)],
  ["S3 hands 3", () => s3hands(3, 16)],
  ["S3 hands 2/8", () => s3hands(2, 8)],
];
console.log(`misses in per cent of ${queries} queries, ${SETS} sets of ${WAYS}`);
console.log(
  ["load".padEnd(26), "LRU, whole", ...policies.map(([name]) => name)].map((head) => head.padStart(13)).join(""),
);
for (const factor of [10, 100]) {
  for (const [label, exponent, scan, moving] of [
    ["zipf 0.7", 0.7, false, false],
    ["zipf 0.9", 0.9, false, false],
    ["zipf 1.1", 1.1, false, false],
    ["zipf 0.9, scan", 0.9, true, false],
    ["zipf 1.1, scan", 1.1, true, false],
    ["zipf 0.9, moving", 0.9, false, true],
  ] as const) {
    const trace = makeTrace(queries, CAPACITY * factor, exponent, scan, moving);
    const shares = [missesOfLru(trace), ...policies.map(([, make]) => missesOf(make(), trace))];
    const row = shares.map((share) => (100 * share).toFixed(2).padStart(13));
    console.log(`${label}, x${factor}`.padEnd(26) + row.join(""));
  }
}
