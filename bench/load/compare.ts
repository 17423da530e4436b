/** What one server's figures are against those of others: with one worker, of the cheapest peer, of CoreDNS. */
import type { Result } from "./lanes.ts";
import type { Finished } from "./report.ts";
import type { Summary } from "./statistics.ts";

/** `finished` are the scenarios before this one, among them the baseline that it names. */
export function compare({ scenario, results }: Finished, finished: Finished[]): void {
  const before = finished.find((earlier) => earlier.scenario.name === scenario.baseline)?.results;
  for (const result of results) {
    const alone = before?.find(({ label }) => label === result.label);
    result.cpuOverOneWorker = quotient(result.cpuMicros, alone?.cpuMicros);
    result.scaling = quotient(result.ratio, alone?.ratio);
    if (nameOf(result) !== "weftdns" || scenario.measures !== "load") continue;
    const cheapest = results.filter(isPeer).sort((a, b) => a.cpuMicros!.median - b.cpuMicros!.median)[0];
    result.overPeers = quotient(result.cpuMicros, cheapest?.cpuMicros);
    const coredns = results.find((other) => nameOf(other) === "coredns" && isSteady(other));
    result.corednsShare = quotient(coredns?.queriesPerSecond, result.queriesPerSecond);
  }
}

/** Neither the floor nor what is to be replaced, and with figures that stand. */
function isPeer(result: Result): boolean {
  return !["floor", "weftdns", "coredns", "coredns-stock"].includes(nameOf(result)) && isSteady(result);
}

function isSteady({ cpuMicros, tooNoisy, failure }: Result): boolean {
  return cpuMicros !== undefined && !tooNoisy && failure === undefined;
}

/** Labels are NAME, NAME@TAG or NAME=PATH. */
export function nameOf({ label }: Result): string {
  return label.split(/[@=]/)[0]!;
}

function quotient(a: Summary | undefined, b: Summary | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a.median / b.median;
}
