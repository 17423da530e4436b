/** As much of autocannon as is used here. */
declare module "autocannon" {
  export default function autocannon(options: {
    url: string;
    connections: number;
    /** Whole seconds. */
    duration: number;
    overallRate: number;
  }): PromiseLike<{
    "2xx": number;
    non2xx: number;
    errors: number;
    timeouts: number;
    latency: { p50: number; p99: number };
  }>;
}
