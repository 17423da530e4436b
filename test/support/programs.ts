/** What is on this machine, and what is allowed on it. */
import { spawnSync } from "node:child_process";
import { skipNative } from "../transport/udp-support.ts";

/** Why a test that runs these programs is skipped; false when they are there. */
export function whyWithout(programs: readonly string[]): string | false {
  const missing = programs.find((program) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0);
  return missing !== undefined && `needs ${missing}`;
}

/** The same for a test of the addon in a network of its own. */
export function whyNoNetwork(): string | false {
  if (skipNative) return skipNative;
  if (process.getuid?.() !== 0) return "needs root";
  const missing = whyWithout(["unshare", "ip", "tc"]);
  if (missing) return missing;
  return spawnSync("unshare", ["-n", "true"]).status === 0 ? false : "network namespaces are not allowed here";
}
