/** The control half of proxyproto: gives the memory of the sessions, which a reload keeps. */
import { randomKey } from "../../memory/keyed-hash.ts";
import type { Control, ControlContext } from "../../plugin/context.ts";
import type { ProxyConfig } from "./index.ts";
import { Sessions, type SharedSessions } from "./sessions.ts";

export async function control(config: ProxyConfig, context: ControlContext): Promise<Control> {
  const { sessionMs, maxSessions, keepsExtras } = config;
  if (sessionMs === 0) return { stop: () => {} };
  const sessions =
    (context.inherited as SharedSessions | undefined) ?? Sessions.allocate(maxSessions, keepsExtras, randomKey());
  context.publish(sessions);
  return { inherit: () => sessions, stop: () => {} };
}
