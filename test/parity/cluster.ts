/** What the parity cases of kubernetes have in common. */
import type { ParityCase } from "./case.ts";

/** A question's name and type, the answer's records, and those of the additional section; all have the question's zone as their end. */
type Row = readonly [ask: string, answer: readonly string[], additional?: readonly string[]];

/** Larger than any of these replies, since CoreDNS sends them uncompressed. */
const edns = { size: 4_096 };

/** Names that have what is asked for. */
export function answers(...rows: readonly Row[]): ParityCase[] {
  return rows.map(([ask, answer, additional = []]) => ({
    ask,
    edns,
    reply: { rcode: "NOERROR", flags: "qr aa rd", answer, authority: [], additional },
  }));
}

/** Names without it, and names that do not exist: with the zone's SOA. */
function negative(rcode: string, ...asks: readonly string[]): ParityCase[] {
  return asks.map((ask) => ({
    ask,
    reply: { rcode, flags: "qr aa rd", answer: [], counts: { authority: 1 }, additional: [] },
  }));
}
export const noData = (...asks: readonly string[]): ParityCase[] => negative("NOERROR", ...asks);
export const noName = (...asks: readonly string[]): ParityCase[] => negative("NXDOMAIN", ...asks);

export const kubernetes = (zones: string, ...options: readonly string[]): string => `.:{PORT} {
  kubernetes ${zones} {
    endpoint {API}
    ${options.join("\n    ")}
  }
}`;
export const ZONES = "cluster.local in-addr.arpa ip6.arpa";
