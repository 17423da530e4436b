/**
 * debug: shows what the server does, and does not hide its faults.
 *
 * A fault in a plugin of this block is not caught: instead of a SERVFAIL it ends the worker, with a stack in the log.
 * `[DEBUG]` lines are printed for the whole process, whichever block asks for them. Not for production.
 *
 * Syntax    debug
 * Metrics   none
 * Ready     at once
 * Example
 *   .:1053 {
 *     debug
 *     whoami
 *   }
 */
import { definePlugin } from "../plugin/plugin.ts";

export const debug = definePlugin({
  name: "debug",
  parse: (directive, block) => {
    directive.alone();
    block.debug = true;
  },
});
