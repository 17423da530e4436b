/**
 * log: prints a line for each query.
 *
 * A query is printed by the first `log` line whose NAMES it is below, if its reply is of one of that line's classes; no
 * other line is tried then. What FORMAT is made of:
 *
 *   {type} {class} {name} {proto} {size}    the question, over udp or tcp, and the request's length
 *   {remote} {port} {local}                 the client's address and port, and the address it asked
 *   {>id} {>opcode} {>do} {>bufsize}        from the request's header and OPT record; do is true or false
 *   {rcode} {>rflags} {rsize}               the reply: rcode, flags, length before compression and OPT record
 *   {duration}                              seconds, as in 0.000123s
 *   {/GROUP/LABEL}                          metadata
 *   {/log/type}                             the kind of reply: NOERROR, DELEGATION, NODATA, NXDOMAIN, SERVERERROR (SERVFAIL,
 *                                           NOTIMP), META (transfers, NOTIFY) or OTHERERROR
 *   {/log/class}                            its class, as below
 *   {common}                                {remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do}
 *                                           {>bufsize}" {rcode} {>rflags} {rsize} {duration}   (one line; the default)
 *   {combined}                              {common} "{>opcode}"
 *
 * What has no value is `-`. Other words in braces stand for themselves. With -log-format json the values stand in the
 * line's object too, beside the formatted text.
 *
 * Syntax    log [NAMES...] [FORMAT] {           a last argument with a brace is FORMAT, if a name stands before it
 *             class success|denial|error|all...
 *           }
 *           NAMES    default: all names
 *           class    success is NOERROR with data or a delegation, denial NXDOMAIN or no data, error everything else;
 *                    default: all
 * Metrics   none
 * Ready     at once
 * Example
 *   .:1053 {
 *     log example.org "{remote} {name} {type} {rcode} {duration}"
 *     log . {
 *       class denial error
 *     }
 *     whoami
 *   }
 */
import type { Stanza } from "../../corefile/directive.ts";
import { isDomainName, normalizeZone } from "../../corefile/zones.ts";
import { definePlugin, inWorker } from "../../plugin/plugin.ts";

const CLASSES = ["success", "denial", "error", "all"] as const;
export type Class = (typeof CLASSES)[number];

export interface LogRule {
  /** Zones in lower case with the final dot. */
  readonly names: readonly string[];
  readonly format: string;
  /** Never empty. */
  readonly classes: readonly Class[];
}

export interface LogConfig {
  readonly rules: readonly LogRule[];
}

export const log = definePlugin<LogConfig>({
  name: "log",
  parse: (directive) => ({ rules: directive.readStanzas(readRule) }),
  serve: inWorker(() => import("./serve.ts")),
});

function readRule(stanza: Stanza): LogRule {
  const names: string[] = [];
  let format = "{common}";
  const count = stanza.args.length;
  if (count === 0) names.push(".");
  while (stanza.left > 0) {
    const isFormat = stanza.left === 1 && count > 1 && stanza.peek()!.includes("{");
    if (isFormat) format = stanza.word();
    else names.push(...readName(stanza));
  }
  const classes: Class[] = [];
  stanza.eachOption({
    class: (line) => {
      do {
        const token = line.token(CLASSES.join(", "));
        const found = CLASSES.find((name) => name === token.text);
        if (!found) return line.fail(`invalid Class: ${token.text}`, token, { form: "plain" });
        classes.push(found);
      } while (line.left > 0);
    },
  });
  return { names, format, classes: classes.length === 0 ? ["all"] : classes };
}

/** Unlike ZONES elsewhere, these are names and nothing else: CoreDNS takes a CIDR or a URL by its letters, as we do. */
function readName(stanza: Stanza): string[] {
  const token = stanza.token();
  if (isDomainName(token.text)) return [normalizeZone(token.text)];
  stanza.warn(`'${token.text}' is left out: it is no name`, token);
  return [];
}
