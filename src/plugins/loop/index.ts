/**
 * loop: finds out whether queries that this server passes on come back to it, and ends their way when they do.
 *
 * At the start it sends itself a query for a name that nobody else knows, `HINFO <random>.<random>.ZONE`, ZONE being the
 * first key of the block. Seen more than twice, it has come back: there is a loop. Then the log says so, and from that
 * time on a query that comes back while this server waits for its answer gets SERVFAIL, so that its client has an answer
 * at once and nothing goes round for ever. The loop is looked for every 30 seconds; when it is gone, so is all that.
 *
 * Syntax    loop, once in a block
 * Metrics   weftdns_loop_detected{zone}   1 while there is a loop, 0 when it is gone; absent when there never was one
 * Ready     at once
 * Example
 *   .:1053 {
 *     loop
 *     forward . 192.0.2.1
 *   }
 */
import { definePlugin, inSupervisor, inWorker } from "../../plugin/plugin.ts";

export const loop = definePlugin<undefined>({
  name: "loop",
  parse: (directive) => {
    const stanza = directive.once();
    stanza.noArguments();
    stanza.noOptions();
    return undefined;
  },
  control: inSupervisor(() => import("./control.ts")),
  serve: inWorker(() => import("./serve.ts")),
});
