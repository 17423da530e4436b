/**
 * cookie: DNS cookies (RFC 7873, RFC 9018), by which a client shows that nobody has forged its address.
 *
 * A client that sends a cookie of its own gets one of the server with the reply, which only its address can have received.
 * When it sends that back, `rrl` does not limit it any more. All replies carry the cookie, errors that the server writes too;
 * an option of a wrong length is answered by FORMERR, a query with a cookie and without a question by the cookie alone.
 * Whoever sends no cookie is served as without the plugin. What stands behind it, an upstream among them, sees no cookies of
 * clients, and clients see none of upstreams.
 *
 * A cookie is good for an hour, and renewed when it is half an hour old. It is made with a secret: without one in the
 * Corefile the server draws one for all blocks, and another one each day; the one before stays good. Servers that share an
 * address must share the secrets too. To change them without a client noticing: first add the new secret as the second one
 * everywhere, then make it the first, and an hour later take the old one away (RFC 9018 section 5).
 *
 * Syntax    cookie {
 *             secret HEX...            32 hexadecimal digits each: the first makes cookies, the others are taken too
 *             secret_file FILE [DUR]   the same from a file, a secret a line, which is read again every DUR (30s; 0: never)
 *           }
 *   FILE      relative to `root`. Empty lines and lines that begin with # are left out.
 * Metrics   weftdns_cookie_queries_total{server, status}   queries with a cookie: client (none of the server's yet), good, bad
 *                                                          (another client's, too old, of an unknown secret), malformed
 * Ready     at once; a secret file that cannot be read stops the start
 * Example
 *   example.org:1053 {
 *     cookie
 *     rrl {
 *       responses-per-second 10
 *       slip-ratio 2
 *     }
 *     whoami
 *   }
 *
 *   dig @127.0.0.1 -p 1053 www.example.org +cookie
 */
import type { Directive, Option } from "../../corefile/directive.ts";
import { definePlugin, inSupervisor, inWorker } from "../../plugin/plugin.ts";

export interface CookieConfig {
  /** 16 bytes each. */
  secrets: readonly Uint8Array[];
  /** Undefined: none. `everyMs` 0: read once. */
  file: { readonly path: string; readonly everyMs: number } | undefined;
}

const DEFAULT_EVERY_MS = 30_000;

export const cookie = definePlugin<CookieConfig>({
  name: "cookie",
  parse,
  control: inSupervisor(() => import("./control.ts")),
  serve: inWorker(() => import("./serve.ts")),
});

function parse(directive: Directive): CookieConfig {
  const config: CookieConfig = { secrets: [], file: undefined };
  const refuseSecond = (line: Option): void => {
    if (config.secrets.length > 0 || config.file) line.fail("the secrets can only be given once", line.head);
  };
  directive.once().eachOption({
    secret: (line) => {
      refuseSecond(line);
      const secrets: Uint8Array[] = [];
      do {
        const token = line.token("32 hexadecimal digits");
        secrets.push(readSecret(token.text) ?? line.fail("a secret has 32 hexadecimal digits", token));
      } while (line.left > 0);
      config.secrets = secrets;
    },
    secret_file: (line) => {
      refuseSecond(line);
      config.file = { path: line.path(), everyMs: line.duration({ default: DEFAULT_EVERY_MS }) };
    },
  });
  return config;
}

/** Undefined when `text` is none. */
export function readSecret(text: string): Uint8Array | undefined {
  return /^[0-9a-f]{32}$/i.test(text) ? Uint8Array.from(Buffer.from(text, "hex")) : undefined;
}
