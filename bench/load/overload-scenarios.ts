/** More than a server can take: three times its capacity from equal senders, and one loud sender among quiet ones. */
import { oneCore } from "./placement.ts";
import type { Goal, Scenario } from "./scenarios.ts";

const hits = { pattern: "host%d.example.org", count: 10_000, order: "uniform" } as const;
const misses = { pattern: "host%d.example.org", count: 1 << 24, order: "sequence" } as const;
const flooded = {
  ...oneCore,
  work: { kind: "stock" },
  expect: { rcode: 0, addresses: true },
  measures: "overload",
} as const;
const equal = { overload: { equal: 3, loudTimes: [0] } };
/** The quiet ones ask for half of the capacity together; the sum is once, one and a half and two and a half times it. */
const loud = { overload: { equal: 0.5, loudTimes: [20, 40, 80] } };
const atCapacity: Goal = [
  { figure: "lostCapacity", atMost: 0.2 },
  { figure: "dropsApart", atMost: 0.01 },
];
const fair: Goal = [
  { figure: "quietLost", atMost: 0.05 },
  { figure: "dropsApart", atMost: 0.01 },
];

export const overloadScenarios: Scenario[] = [
  {
    ...flooded,
    ...equal,
    name: "overload-hits",
    questions: hits,
    isPrimed: true,
    goal: atCapacity,
    summary: "cache hits at three times the capacity from 20 equal addresses, one core",
  },
  {
    ...flooded,
    ...equal,
    name: "overload-misses",
    questions: misses,
    goal: atCapacity,
    summary: "names never asked before at three times the capacity from 20 equal addresses, one core",
  },
  {
    ...flooded,
    ...loud,
    name: "loud-sender-hits",
    questions: hits,
    isPrimed: true,
    goal: fair,
    summary:
      "cache hits: 20 addresses ask for half of the capacity together, and one 20, 40 and 80 times as much as each",
  },
  {
    ...flooded,
    ...loud,
    name: "loud-sender-misses",
    questions: misses,
    goal: fair,
    summary:
      "names never asked before: 20 addresses ask for half of the capacity together, and one 20, 40 and 80 times as much as each",
  },
];
