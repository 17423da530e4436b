/** The control half of loadbalance: reads the weights, and reads them again when their file has changed. */

import { readFile } from "node:fs/promises";
import type { Control, ControlContext } from "../../plugin/context.ts";
import { formatGoDuration } from "../../plugin/go-duration.ts";
import { MAX_TIMER_MS } from "../../plugin/timer.ts";
import type { LoadBalanceConfig } from "./index.ts";
import { parseWeights } from "./weights.ts";

const CANNOT_OPEN = "weight file open error";

export async function control(config: LoadBalanceConfig, context: ControlContext): Promise<Control> {
  if (config.policy === "round_robin") return { stop: () => {} };
  const { path, reloadMs } = config;
  const { log, publish } = context;
  let known: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  /** The mistake, if there is one; a text that was wrong is not read again. */
  async function look(): Promise<string> {
    const text = await readFile(path, "latin1").catch(() => undefined);
    if (stopped) return "";
    if (text === undefined) return CANNOT_OPEN;
    if (text === known) return "";
    known = text;
    const weights = parseWeights(text);
    if (typeof weights === "string") return `${weights} in weight file ${path}`;
    publish(weights);
    log.info(`Successfully reloaded weight file ${path}`);
    return "";
  }

  const mistake = await look();
  if (mistake !== "") {
    if (mistake !== CANNOT_OPEN || reloadMs === 0) throw new Error(mistake);
    log.warning(`Failed to open weight file:${mistake}. Will try again in ${formatGoDuration(reloadMs)}`);
  }

  function watch(): void {
    if (reloadMs === 0 || stopped) return;
    timer = setTimeout(
      async () => {
        const later = await look();
        if (later !== "") log.error(later);
        watch();
      },
      Math.min(reloadMs, MAX_TIMER_MS),
    ).unref();
  }
  watch();

  return {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
