/** The control half of forward: finds the servers, keeps the board on which their health stands, and probes them. */
import { endpointText } from "../../corefile/host-port.ts";
import { zoneToWire } from "../../dns/name-text.ts";
import type { Control, ControlContext } from "../../plugin/context.ts";
import { Board } from "../../upstream/board.ts";
import { Prober } from "../../upstream/probe.ts";
import { resolveTargets, type Target } from "../../upstream/targets.ts";
import type { ForwardConfig } from "./config.ts";

/** What the workers are given. */
export interface Published {
  readonly upstreams: readonly Target[];
  readonly board: SharedArrayBuffer;
}

export async function control(config: ForwardConfig, context: ControlContext): Promise<Control> {
  const upstreams = await resolveTargets(config.targets, config.resolvers);
  const board = new Board(upstreams.length);
  const targets = upstreams.map(({ host, port }) => {
    const counter = context.counter(
      "proxy_healthcheck_failures_total",
      "Counter of the number of failed healthchecks.",
      { proxy_name: "forward", to: endpointText(host, port) },
    );
    return { address: host, port, failed: () => counter.add(1) };
  });
  const prober = new Prober(board, targets, {
    intervalMs: config.probeIntervalMs,
    domain: zoneToWire(config.probeDomain),
    recursionDesired: config.probeRecursion,
    overTcp: config.forceTcp,
    ...(config.source === undefined ? {} : { source: config.source }),
  });
  context.onTold((index) => prober.want(index as number));
  context.publish({ upstreams, board: board.buffer } satisfies Published);
  return { stop: () => prober.stop() };
}
