/** What a server block's directives decide for the block as a whole, rather than for a place in its chain. */
export class BlockSettings {
  /** Addresses to listen on (`bind`); undefined: all of the machine's. */
  addresses: string[] | undefined;
  /** `debug`: panics are not caught, debug lines are printed. */
  debug = false;
  /** `errors { stacktrace }`. */
  stacktrace = false;
  /** `multisocket`: workers that share each listener; "cpus": as many as there are CPUs; undefined: the same, at most four. */
  workers: number | "cpus" | undefined;
  /** `timeouts`, in milliseconds, and the most queries on one connection (-1: no limit). */
  readTimeoutMs = 3_000;
  writeTimeoutMs = 5_000;
  idleTimeoutMs = 10_000;
  maxTcpQueries = -1;
}
