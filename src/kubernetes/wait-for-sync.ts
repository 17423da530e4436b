/** The start waits for the API, but not for ever. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "./api/resource.ts";

/** As CoreDNS: how often it looks, and how often it says that it waits. */
const LOOK_MS = 20;
const SAY_MS = 500;

export async function waitForSync(isSynced: () => boolean, timeoutMs: number, log: Log): Promise<void> {
  const began = performance.now();
  let said = began;
  while (!isSynced()) {
    const now = performance.now();
    if (now - said >= SAY_MS) {
      log.info("waiting for Kubernetes API before starting server");
      said = now;
    }
    if (now - began >= timeoutMs) {
      log.warning("starting server with unsynced Kubernetes API");
      return;
    }
    await sleep(LOOK_MS);
  }
}
