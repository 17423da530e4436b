/**
 * health: tells over HTTP that the process lives, and lets it live on for a while when it is told to end.
 *
 * `GET /health` gives 200 and `OK`; 503 when no worker has been there to answer queries for a second. The server asks
 * itself once a second and counts how long that takes: what holds up the main thread shows there.
 *
 * Syntax    health [ADDR] { lameduck DUR }; of several in a block the last one counts
 *   ADDR      where to listen, HOST:PORT (:8080)
 * Options
 *   lameduck DUR    when the server is told to end, it goes on for so long as before, so that clients learn of it (0s)
 * Metrics   coredns_health_request_duration_seconds   how long the server took to answer itself
 *           coredns_health_request_failures_total     how often it did not
 * Ready     at once
 * Example
 *   .:1053 {
 *     health :18080 {
 *       lameduck 5s
 *     }
 *     whoami
 *   }
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Directive } from "../corefile/directive.ts";
import { durationProblem, parseDuration } from "../corefile/duration.ts";
import { hostPortProblem, splitAddress } from "../corefile/host-port.ts";
import type { Control, ControlContext } from "../plugin/context.ts";
import { formatGoDuration } from "../plugin/go-duration.ts";
import { definePlugin } from "../plugin/plugin.ts";
import { respond } from "../plugin/respond.ts";
import { MAX_TIMER_MS } from "../plugin/timer.ts";

interface HealthConfig {
  readonly address: string;
  readonly lameduckMs: number;
}

const DEFAULT_ADDRESS = ":8080";
const PATH = "/health";
const POLL_MS = 1_000;
/** The server's own request is given up after this time, and worth a line after that. */
const POLL_TIMEOUT_MS = 3_000;
const SLOW_MS = 1_000;
/** CoreDNS's slim buckets, in seconds. */
const BOUNDS = [0.00025, 0.0025, 0.025, 0.25, 2.5];

export const health = definePlugin<HealthConfig>({ name: "health", parse, control });

function parse(directive: Directive): HealthConfig {
  let address = DEFAULT_ADDRESS;
  let lameduckMs = 0;
  for (const stanza of directive.stanzas) {
    if (stanza.left > 0) {
      const token = stanza.token();
      const problem = hostPortProblem(token.text);
      if (problem !== "") stanza.fail(problem, token, { form: "plain" });
      address = token.text;
    }
    stanza.eachOption({
      lameduck: (line) => {
        const token = line.token("a duration");
        line.end();
        const ms = parseDuration(token.text);
        if (ms === undefined) {
          const problem = `unable to parse lameduck duration value: '${token.text}' : ${durationProblem(token.text)}`;
          return line.fail(problem, token, { form: "plain" });
        }
        lameduckMs = Math.min(Math.max(0, ms), MAX_TIMER_MS);
      },
    });
  }
  return { address, lameduckMs };
}

async function control({ address, lameduckMs }: HealthConfig, context: ControlContext): Promise<Control> {
  const { log } = context;
  context.http(address, PATH, (_request, response) => {
    const isAnswering = context.instance.isAnswering();
    const text = isAnswering ? "OK" : "no worker answers queries";
    respond(response, isAnswering ? 200 : 503, { "Content-Type": "text/plain; charset=utf-8" }, text);
  });
  const stopPolling = poll(address, context);
  const cut = new AbortController();
  return {
    drain: async () => {
      if (lameduckMs === 0) return;
      log.info(`Going into lameduck mode for ${formatGoDuration(lameduckMs)}`);
      await sleep(lameduckMs, undefined, { signal: cut.signal }).catch(() => {});
    },
    stop: () => {
      stopPolling();
      cut.abort();
    },
  };
}

/** Asks `address` once a second, one question after the other. Gives what ends it. */
function poll(address: string, { log, counter, histogram }: ControlContext): () => void {
  const durations = histogram(
    "health_request_duration_seconds",
    "Histogram of the time (in seconds) each request took.",
    {},
    BOUNDS,
  );
  const failures = counter("health_request_failures_total", "The number of times the health check failed.");
  const url = `http://${address}${PATH}`;
  let stopped = false;
  let timer = setTimeout(look, POLL_MS).unref();

  async function look(): Promise<void> {
    const from = performance.now();
    const problem = await ask(address);
    if (stopped) return;
    const ms = performance.now() - from;
    durations.observe(ms / 1_000);
    if (problem !== "") {
      failures.add(1);
      log.warning(`Local health request to "${url}" failed: Get "${url}": ${problem}`);
    } else if (ms > SLOW_MS) {
      log.warning(`Local health request to "${url}" took more than 1s: ${formatGoDuration(Math.round(ms))}`);
    }
    timer = setTimeout(look, Math.max(0, POLL_MS - ms)).unref();
  }

  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

/** Gives "" when an answer came, else what was in the way. */
async function ask(address: string): Promise<string> {
  const { host, port } = splitAddress(address) ?? { host: "", port: 0 };
  const http = await import("node:http");
  return new Promise((resolve) => {
    const options = { host: host === "" ? "localhost" : host, port, path: PATH, agent: false };
    const request = http.get(options, (response) => {
      response.resume();
      response.on("end", () => resolve(""));
      response.on("error", (error) => resolve(error.message));
    });
    request.setTimeout(POLL_TIMEOUT_MS, () => {
      resolve("context deadline exceeded (Client.Timeout exceeded while awaiting headers)");
      request.destroy();
    });
    request.on("error", (error) => resolve(error.message));
  });
}
