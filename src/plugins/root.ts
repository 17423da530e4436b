/**
 * root: the directory that file names in this server block are relative to.
 *
 * Every plugin that reads a file joins a relative name to it. A directory that does not exist is a warning, not a
 * mistake: it may be mounted later.
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
import { existsSync } from "node:fs";
import { definePlugin } from "../plugin/plugin.ts";

export const root = definePlugin({
  name: "root",
  // The parser of the Corefile keeps the path for all directives of the block, since they are read in any order.
  parse: (directive) => {
    for (const stanza of directive.stanzas) {
      const token = stanza.token("a directory");
      if (!existsSync(token.text)) stanza.warn(`Root path does not exist: ${token.text}`, token);
      stanza.noOptions();
    }
  },
});
