/** The control half of loadbalance: reads the weights, and reads them again when their file has changed. */

import { readBounded } from "../../corefile/files.ts";
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

  /** The mistake, if there is one; a text that was wrong is not read again. */
  function look(): string {
    let text: string;
    try {
      text = readBounded(path, "latin1");
    } catch {
      return CANNOT_OPEN;
    }
    if (text === known) return "";
    known = text;
    const weights = parseWeights(text);
    if (typeof weights === "string") return `${weights} in weight file ${path}`;
    publish(weights);
    log.info(`Successfully reloaded weight file ${path}`);
    return "";
  }

  const mistake = look();
  if (mistake !== "") {
    if (mistake !== CANNOT_OPEN || reloadMs === 0) throw new Error(mistake);
    log.warning(`Failed to open weight file:${mistake}. Will try again in ${formatGoDuration(reloadMs)}`);
  }

  const lookAgain = () => {
    const later = look();
    if (later !== "") log.error(later);
  };
  const timer = reloadMs > 0 ? setInterval(lookAgain, Math.min(reloadMs, MAX_TIMER_MS)).unref() : undefined;
  return { stop: () => clearInterval(timer) };
}
