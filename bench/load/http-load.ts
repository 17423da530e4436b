/** autocannon asks the HTTP endpoints of a server while it answers DNS: how long do a scrape and the probes of kubelet take then? */
import autocannon from "autocannon";
import type { Lane } from "./lanes.ts";
import { summarize } from "./statistics.ts";

export type HttpFigures = { path: string; requests: number; failed: number; p50Ms: number; p99Ms: number };

/** Many times what Prometheus and kubelet ask, and still a share of a core: the question is what DNS clients notice of it. */
const paths = [
  { path: "/metrics", port: "metricsPort", requestsPerSecond: 50, connections: 2 },
  { path: "/health", port: "healthPort", requestsPerSecond: 500, connections: 10 },
  { path: "/ready", port: "readyPort", requestsPerSecond: 500, connections: 10 },
] as const;

/** In this process, which waits meanwhile: three more would take what they need to start from the server's cores. */
export async function loadHttp({ setup }: Lane, seconds: number): Promise<HttpFigures[]> {
  return Promise.all(
    paths.map(async ({ path, port, requestsPerSecond, connections }) => {
      const url = `http://127.0.0.1:${setup![port]}${path}`;
      const duration = Math.max(1, Math.round(seconds));
      const result = await autocannon({ url, connections, duration, overallRate: requestsPerSecond });
      const { "2xx": good, non2xx, errors, timeouts, latency } = result;
      if (good === 0) throw new Error(`autocannon at ${path}: no answer with status 200`);
      return { path, requests: good, failed: non2xx + errors + timeouts, p50Ms: latency.p50, p99Ms: latency.p99 };
    }),
  );
}

/** Over all rounds: the sums, the middle one of the medians, the worst of the p99. */
export function mergeHttp(figures: HttpFigures[]): HttpFigures[] {
  return paths.flatMap(({ path }) => {
    const of = figures.filter((figure) => figure.path === path);
    if (of.length === 0) return [];
    return {
      path,
      requests: of.reduce((sum, { requests }) => sum + requests, 0),
      failed: of.reduce((sum, { failed }) => sum + failed, 0),
      p50Ms: summarize(of.map(({ p50Ms }) => p50Ms)).median,
      p99Ms: Math.max(...of.map(({ p99Ms }) => p99Ms)),
    };
  });
}
