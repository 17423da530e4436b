/**
 * file: answers from master files (RFC 1035 section 5), as an authoritative server.
 *
 * Syntax    file DBFILE [ZONE...] { OPTION... }, any number in a block; without ZONE, the zones of the server block
 *   DBFILE    the file, relative to `root`; each ZONE is read from it, names without final dot being relative to the zone
 * Options
 *   reload DUR              how often the file, and those that it includes, are looked at (1m); 0: never. A zone is exchanged
 *                           when its serial differs. A reload of the whole server reads all files, whatever the serial.
 *   reload_by_mtime         exchange it when one of the files has changed, whatever the serial
 *   fallthrough [ZONE...]   names that do not exist are passed on to the next plugin; without ZONE all such names
 *   upstream                read, without effect: aliases that lead out of the zone are always looked up by this server
 *   As in CoreDNS the last `fallthrough` of a block holds for all its files, `reload` and `reload_by_mtime` also for the
 *   files behind theirs.
 * Metrics   none
 * Metadata  zone/wildcard   the wildcard name that answered
 * Ready     at once; a zone whose file is missing gets SERVFAIL until the file is there
 * Example
 *   example.org:1053 {
 *     file example.org.db {
 *       reload 30s
 *     }
 *   }
 */
import type { Directive } from "../../corefile/directive.ts";
import { definePlugin, inSupervisor, inWorker } from "../../plugin/plugin.ts";

export interface FileConfig {
  /** A zone that is named twice is served from the file that is named last. */
  readonly zones: readonly ZoneConfig[];
  /** Zones below which names that do not exist are passed on. */
  readonly fallthrough: readonly string[];
}

export interface ZoneConfig {
  /** In lower case with the final dot. */
  readonly origin: string;
  readonly path: string;
  /** 0: never. */
  readonly reloadMs: number;
  readonly byTime: boolean;
}

const DEFAULT_RELOAD_MS = 60_000;

export const file = definePlugin<FileConfig>({
  name: "file",
  parse,
  control: inSupervisor(() => import("./control.ts")),
  serve: inWorker(() => import("./serve.ts")),
});

function parse(directive: Directive): FileConfig {
  const zones = new Map<string, ZoneConfig>();
  let fallthrough: string[] = [];
  let reloadMs = DEFAULT_RELOAD_MS;
  let byTime = false;
  for (const stanza of directive.stanzas) {
    const path = stanza.path();
    const origins = stanza.zones();
    stanza.eachOption({
      reload: (line) => {
        reloadMs = line.duration();
        // CoreDNS takes any words behind it.
        line.rest();
      },
      reload_by_mtime: (line) => {
        line.noArguments();
        byTime = true;
      },
      fallthrough: (line) => {
        fallthrough = line.fallthrough();
      },
      upstream: (line) => {
        line.rest();
      },
    });
    for (const origin of origins) zones.set(origin, { origin, path, reloadMs, byTime });
  }
  return { zones: [...zones.values()], fallthrough };
}
