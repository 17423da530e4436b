/**
 * root: the directory that file names in this server block are relative to.
 *
 * Every plugin that reads a file joins a relative name to it. A directory that does not exist is a warning, not a
 * mistake: it may be mounted later. One that cannot be looked at is a mistake.
 *
 * Syntax    root PATH     default: the directory that the server was started in
 * Metrics   none
 * Ready     at once
 * Example
 *   example.org:1053 {
 *     root /tmp
 *     whoami
 *   }
 */
import { statSync } from "node:fs";
import { systemMessage } from "../corefile/system-message.ts";
import { definePlugin } from "../plugin/plugin.ts";

export const root = definePlugin({
  name: "root",
  // The parser of the Corefile keeps the path for all directives of the block, since they are read in any order.
  parse: (directive) => {
    for (const stanza of directive.stanzas) {
      const token = stanza.token("a directory");
      const error = statError(token.text);
      if (error?.code === "ENOENT") stanza.warn(`Root path does not exist: ${token.text}`, token);
      else if (error !== undefined) {
        // A byte of 0 is refused by Node itself.
        const reason = error.code === "ERR_INVALID_ARG_VALUE" ? "invalid argument" : systemMessage(error);
        stanza.fail(`unable to access root path '${token.text}': stat ${token.text}: ${reason}`, token);
      }
      stanza.noOptions();
    }
  },
});

function statError(path: string): NodeJS.ErrnoException | undefined {
  try {
    statSync(path);
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
  return undefined;
}
