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
import { definePlugin } from "../plugin/plugin.ts";

export const root = definePlugin({
  name: "root",
  // The parser of the Corefile keeps the path for all directives of the block, since they are read in any order.
  parse: (directive) => {
    for (const stanza of directive.stanzas) {
      const token = stanza.token("a directory");
      const code = statError(token.text);
      if (code === "ENOENT") stanza.warn(`Root path does not exist: ${token.text}`, token);
      else if (code !== undefined) {
        const reason = `stat ${token.text}: ${REASONS[code] ?? code}`;
        stanza.fail(`unable to access root path '${token.text}': ${reason}`, token);
      }
      stanza.noOptions();
    }
  },
});

/** As the system words them. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  ELOOP: "too many levels of symbolic links",
  ENAMETOOLONG: "file name too long",
  ENOTDIR: "not a directory",
  // A byte of 0, which Node refuses itself.
  ERR_INVALID_ARG_VALUE: "invalid argument",
};

function statError(path: string): string | undefined {
  try {
    statSync(path);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
  return undefined;
}
