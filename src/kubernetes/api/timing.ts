/** How patient a reflector is. Everything in milliseconds but `watchSeconds`, which is said to the API. */
export interface Timing {
  /** The most silence on a watch: a connection that is half-open shows in nothing else. */
  readonly idleMs: number;
  /** After so long a watch is ended by the server, with a bookmark before: so even a quiet one is heard of within `idleMs`. */
  readonly watchSeconds: number;
  /** The most silence before a list begins and within it. */
  readonly listMs: number;
  /** The first wait after a failure and the longest, as client-go's reflectors. */
  readonly backoffFirstMs: number;
  readonly backoffMostMs: number;
  /** How often all is compared with a fresh list; 0: never. */
  readonly checkMs: number;
  /** How long a watch may be behind the list that it is compared with. */
  readonly graceMs: number;
}

export const TIMING: Timing = {
  idleMs: 45_000,
  watchSeconds: 40,
  listMs: 60_000,
  backoffFirstMs: 800,
  backoffMostMs: 30_000,
  checkMs: 300_000,
  graceMs: 5_000,
};
