/**
 * ready: tells over HTTP whether every plugin can answer.
 *
 * `GET /ready` gives 200 and `OK`, or 503 and the names of the plugins that are not ready, in any server block. When the
 * server is told to end, the port is closed at once, so that no new clients are sent here while the last ones are served.
 * `GET /ready?detail` adds lines of plugins that have more to say: what kubernetes knows of each resource, and since when.
 *
 * Syntax    ready [ADDR] { monitor until-ready|continuously }, once in a block
 *   ADDR      where to listen, HOST:PORT (:8181). When it is taken the server goes on without, and says so
 * Options
 *   monitor until-ready     a plugin that was ready once is not asked again (the default)
 *   monitor continuously    all plugins are asked each time; what the last block says holds for the whole server
 * Metrics   none
 * Ready     at once
 * Example
 *   .:1053 {
 *     ready :18181
 *     whoami
 *   }
 */
import type { Directive } from "../corefile/directive.ts";
import { hostPortProblem } from "../corefile/host-port.ts";
import type { Control, ControlContext, Instance } from "../plugin/context.ts";
import { definePlugin } from "../plugin/plugin.ts";
import { respond } from "../plugin/respond.ts";

interface ReadyConfig {
  readonly address: string;
  readonly continuously: boolean;
}

const DEFAULT_ADDRESS = ":8181";
const MONITORS: readonly string[] = ["until-ready", "continuously"];

export const ready = definePlugin<ReadyConfig>({ name: "ready", parse, control });

function parse(directive: Directive): ReadyConfig {
  const stanza = directive.once();
  let address = DEFAULT_ADDRESS;
  if (stanza.left > 0) {
    const token = stanza.token();
    const problem = hostPortProblem(token.text);
    if (problem !== "") stanza.fail(problem, token, { form: "plain" });
    address = token.text;
  }
  let continuously = false;
  stanza.eachOption({
    monitor: (line) => {
      const token = line.token(MONITORS.join(" or "));
      line.end();
      if (!MONITORS.includes(token.text)) line.fail(`monitor type '${token.text}' not supported`, token);
      continuously = token.text === "continuously";
    },
  });
  return { address, continuously };
}

/** What the last block of a configuration says. */
const modes = new WeakMap<Instance, boolean>();

async function control({ address, continuously }: ReadyConfig, context: ControlContext): Promise<Control> {
  const { instance, log } = context;
  modes.set(instance, continuously);
  const site = context.http(
    address,
    "/ready",
    (request, response) => {
      const unready = instance.unready(modes.get(instance) ?? continuously).join(",");
      if (unready !== "") log.info(`Plugins not ready: "${unready}"`);
      const details = request.url?.endsWith("?detail") ? instance.readyDetails() : [];
      const text = [unready === "" ? "OK" : unready, ...details].join("\n");
      respond(response, unready === "" ? 200 : 503, { "Content-Type": "text/plain; charset=utf-8" }, text);
    },
    { failed: (reason) => log.error(`Failed to start ready handler: ${reason}`) },
  );
  return { drain: () => site.close(), stop: () => {} };
}
