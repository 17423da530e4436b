/**
 * proxy: the name that `forward` had until CoreDNS 1.5. Old Corefiles start with it; each word says what it is today.
 *
 * Syntax    proxy FROM TO... { OPTION... }
 * Options
 *   policy random|least_conn|round_robin|first|sequential   least_conn is taken for random, first for sequential
 *   except NAME...                       as in forward
 *   max_fails N                          as in forward
 *   fail_timeout DUR, max_conns N, spray read, without effect
 *   health_check PATH:PORT [DUR]         read, without effect: servers that failed are probed over DNS
 *   protocol dns [force_tcp]             force_tcp as in forward; other protocols are refused
 * Metrics   those of forward
 * Ready     at once
 * Example
 *   . {
 *     proxy . 192.0.2.1 192.0.2.2
 *   }
 */
import type { Directive, Option } from "../corefile/directive.ts";
import { definePlugin, inSupervisor, inWorker } from "../plugin/plugin.ts";
import { type ForwardConfig, type Policy, readExcept, readServers } from "./forward/config.ts";

export const proxy = definePlugin<ForwardConfig>({
  name: "proxy",
  repeatable: true,
  anyClass: true,
  parse,
  control: inSupervisor(() => import("./forward/control.ts")),
  serve: inWorker(() => import("./forward/serve.ts")),
});

/** The policies of then, in today's words. */
const POLICIES: Readonly<Record<string, Policy>> = {
  random: "random",
  least_conn: "random",
  round_robin: "round_robin",
  first: "sequential",
  sequential: "sequential",
};

function parse(directive: Directive): ForwardConfig {
  const stanza = directive.once();
  stanza.warn("is an old word, the plugin is called 'forward' today");
  const config = readServers(stanza);
  stanza.eachOption({
    policy: (line) => {
      const word = line.oneOf(Object.keys(POLICIES));
      config.policy = POLICIES[word]!;
      if (word !== config.policy) line.warn(`'${word}' is an old word, '${config.policy}' is used`);
    },
    except: (line) => {
      config.except.push(...readExcept(line));
    },
    max_fails: (line) => {
      config.maxFails = line.integer({ min: 0, max: 0xffff_ffff });
    },
    protocol: (line) => readProtocol(line, config),
    fail_timeout: withoutEffect,
    max_conns: withoutEffect,
    health_check: withoutEffect,
    spray: withoutEffect,
  });
  return config;
}

function readProtocol(line: Option, config: ForwardConfig): void {
  const token = line.token("dns");
  if (token.text !== "dns")
    line.fail(`upstreams over '${token.text}' are not part of WeftDNS yet, expected dns`, token);
  if (line.left === 0) return;
  line.oneOf(["force_tcp"]);
  config.forceTcp = true;
  line.warn("is an old word, it is the option 'force_tcp' today");
}

function withoutEffect(line: Option): void {
  line.rest();
  line.warn(
    `'${line.name}' is an old word without effect: servers that failed are probed over DNS, see forward's health_check`,
  );
}
