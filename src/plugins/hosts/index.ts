/**
 * hosts: answers from a file like /etc/hosts, and from lines of the same form in the Corefile.
 *
 * Syntax    hosts [FILE [ZONE...]] { LINE... OPTION... }, once in a block
 *   FILE    /etc/hosts when absent; relative to `root`. Without ZONE, the zones of the server block.
 *   LINE    an address and its names, as in the file. `*.example.org` stands for each name of one label more. Lines come
 *           before `fallthrough`: words behind it that are no option are mistakes.
 * Options
 *   ttl SECONDS               of the answers, from 1 to 65535 (3600)
 *   no_reverse                no answers to PTR
 *   reload DUR                how often the file is looked at (5s); 0: never. It is read again when it has changed, or another
 *                             file is in its place. A file that cannot be read leaves everything as it is.
 *   fallthrough [ZONE...]     names that are not known are passed on to the next plugin; without ZONE all such names.
 *                             Without this option they get SERVFAIL. PTR for unknown addresses is always passed on.
 *   fallthrough_unsupported   types other than A, AAAA and PTR are passed on under the zones of `fallthrough`, known names too
 * Metrics   coredns_hosts_entries{hostsfile}            names and reverse names, of file and Corefile together
 *           coredns_hosts_reload_timestamp_seconds      when the file was changed that is in use
 * Ready     at once
 * Example
 *   example.org:1053 {
 *     hosts hosts.example {
 *       192.0.2.1 www.example.org web.example.org
 *       fallthrough
 *     }
 *     whoami
 *   }
 */
import { statSync } from "node:fs";
import { isIP } from "node:net";
import type { Directive, Option, Stanza } from "../../corefile/directive.ts";
import { parseDuration } from "../../corefile/duration.ts";
import { nearest } from "../../corefile/nearest.ts";
import { systemMessage } from "../../corefile/system-message.ts";
import { definePlugin, inSupervisor, inWorker } from "../../plugin/plugin.ts";

export interface HostsConfig {
  readonly path: string;
  readonly zones: readonly string[];
  /** The lines of the Corefile, as the text of a hosts file. */
  readonly inline: string;
  readonly ttl: number;
  readonly reverse: boolean;
  /** 0: never. */
  readonly reloadMs: number;
  /** Zones below which names that do not exist are passed on. */
  readonly fallthrough: readonly string[];
  readonly fallthroughUnsupported: boolean;
}

const DEFAULT_PATH = "/etc/hosts";
const DEFAULT_TTL = 3600;
const MAX_TTL = 65_535;
const DEFAULT_RELOAD_MS = 5_000;

export const hosts = definePlugin<HostsConfig>({
  name: "hosts",
  parse,
  control: inSupervisor(() => import("./control.ts")),
  serve: inWorker(() => import("./serve.ts")),
});

function parse(directive: Directive): HostsConfig {
  const stanza = directive.once();
  const path = stanza.path({ default: DEFAULT_PATH });
  const zones = stanza.zones();
  checkAccess(stanza, path);
  const lines: string[] = [];
  let ttl = DEFAULT_TTL;
  let reverse = true;
  let reloadMs = DEFAULT_RELOAD_MS;
  const given: { fallthrough?: string[]; unsupported?: Option } = {};
  const readers: Record<string, (line: Option) => void> = {
    ttl: (line) => {
      ttl = readTtl(line);
    },
    no_reverse: (line) => {
      // CoreDNS takes any words behind it.
      line.rest();
      reverse = false;
    },
    reload: (line) => {
      reloadMs = readReload(line);
    },
    fallthrough: (line) => {
      given.fallthrough = line.fallthrough();
    },
    fallthrough_unsupported: (line) => {
      line.noArguments();
      given.unsupported = line;
    },
  };
  stanza.readOptions((option) => {
    const reader = Object.hasOwn(readers, option.name) ? readers[option.name] : undefined;
    if (reader) reader(option);
    else if (given.fallthrough) option.unknownProperty(Object.keys(readers));
    else lines.push(readInline(option, Object.keys(readers)));
  });
  if (given.unsupported && !given.fallthrough) given.unsupported.fail("fallthrough_unsupported requires fallthrough");
  return {
    path,
    zones,
    inline: lines.join("\n"),
    ttl,
    reverse,
    reloadMs,
    fallthrough: given.fallthrough ?? [],
    fallthroughUnsupported: given.unsupported !== undefined,
  };
}

/** A file may be missing; one that may be there and cannot be looked at is a mistake. */
function checkAccess(stanza: Stanza, path: string): void {
  try {
    statSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    const reason = `stat ${path}: ${systemMessage(error)}`;
    stanza.fail(`unable to access hosts file '${path}': ${reason}`, stanza.args[0] ?? stanza.head);
  }
}

/** CoreDNS takes any line for one of a hosts file, so that a misspelt option passes; such a line says nothing. */
function readInline(line: Option, options: readonly string[]): string {
  const { name, head } = line;
  if (isIP(name.split("%")[0]!) === 0) {
    const suggestion = nearest(name, options);
    line.warn(`'${name}' is neither an option nor an address, the line is ignored`, head, { suggestion });
  }
  return [name, ...line.rest()].join(" ");
}

function readTtl(line: Option): number {
  if (line.left === 0) line.fail("ttl needs a time in second");
  const token = line.token();
  // CoreDNS takes any words behind it.
  line.rest();
  const ttl = Number(token.text);
  if (!/^[-+]?[0-9]+$/.test(token.text) || Math.abs(ttl) >= 2 ** 63) {
    return line.fail("ttl needs a number of second", token);
  }
  if (ttl < 1 || ttl > MAX_TTL) return line.fail("ttl provided is invalid", token);
  return ttl;
}

function readReload(line: Option): number {
  if (line.left !== 1) line.fail("reload needs a duration (zero seconds to disable)");
  const token = line.token();
  const ms = parseDuration(token.text);
  if (ms === undefined) return line.fail(`invalid duration for reload '${token.text}'`, token);
  if (ms < 0) return line.fail(`invalid negative duration for reload '${token.text}'`, token);
  return ms;
}
