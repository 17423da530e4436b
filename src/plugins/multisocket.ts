/**
 * multisocket: sets how many workers share each listener.
 *
 * Every worker has its own socket for each listener, and the kernel spreads the queries evenly over them. Without this
 * directive there are as many workers as CPUs granted, at most four and at most one for each 64 MiB of the container's memory:
 * GOMAXPROCS in the environment says how many CPUs those are, else the CPU limit of the container and the machine. The number
 * holds for the whole server: the first block that says one decides. It is read at the start: a reload keeps the number.
 *
 * Syntax    multisocket [N]     1 to 1024; default: as many as CPUs granted, however many
 * Metrics   none
 * Ready     at once
 * Example
 *   .:1053 {
 *     multisocket 2
 *     whoami
 *   }
 */
import { definePlugin } from "../plugin/plugin.ts";

export const multisocket = definePlugin({
  name: "multisocket",
  parse: (directive, block) => {
    const stanza = directive.once();
    block.workers = stanza.left > 0 ? stanza.integer({ min: 1, max: 1024 }) : "cpus";
    stanza.noOptions();
  },
});
