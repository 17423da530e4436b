/**
 * pprof: shows over HTTP where the threads of this server spend their time and memory, for `go tool pprof`.
 *
 * Under `/debug/pprof/`, each in the format of pprof, a label `thread` on each sample:
 *   profile?seconds=N   CPU time of the main thread and all workers during N seconds (30)
 *   heap?seconds=N      what they allocated during N seconds (5) and still hold
 *   allocs?seconds=N    what they allocated during N seconds (5)
 * and as text: the list of these, `cmdline`, and `goroutine`, which lists the threads with what they wait for.
 *
 * A thread stands still for a moment (some 50 ms, on a busy machine several times that) when its CPU profile begins, and when it
 * ends. That is one thread after the other, so queries that come meanwhile go to another worker, or wait where there is only one.
 *
 * Syntax    pprof [ADDR] { block [RATE] }, once in a block
 *   ADDR      where to listen, HOST:PORT (localhost:6053)
 * Options
 *   block RATE    read, without effect: threads of this server never wait for one another
 * Metrics   none
 * Ready     at once
 * Example
 *   .:1053 {
 *     pprof localhost:16053
 *     whoami
 *   }
 */
import type { Directive } from "../../corefile/directive.ts";
import { hostPortProblem } from "../../corefile/host-port.ts";
import { definePlugin, inSupervisor } from "../../plugin/plugin.ts";

export interface PprofConfig {
  readonly address: string;
}

const DEFAULT_ADDRESS = "localhost:6053";

export const pprof = definePlugin<PprofConfig>({
  name: "pprof",
  parse,
  control: inSupervisor(() => import("./control.ts")),
});

function parse(directive: Directive): PprofConfig {
  const stanza = directive.once();
  let address = DEFAULT_ADDRESS;
  if (stanza.left > 0) {
    const token = stanza.token();
    const problem = hostPortProblem(token.text);
    if (problem !== "") stanza.fail(problem, token);
    address = token.text;
  }
  stanza.eachOption({
    block: (line) => {
      if (line.left === 0) return;
      const token = line.token();
      line.end();
      if (!/^[-+]?[0-9]+$/.test(token.text)) {
        line.fail(`property 'block' invalid integer value '${token.text}'`, token);
      }
    },
  });
  return { address };
}
