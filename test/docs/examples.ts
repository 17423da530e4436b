/** Corefiles that the documentation shows, made to run here: free ports, an upstream on loopback, files in a folder. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../house/sources.ts";

export interface Shown {
  /** The page, and which of its Corefiles. */
  readonly place: string;
  readonly text: string;
}

/** All blocks marked as Corefiles, in README and docs. */
export function shownCorefiles(): Shown[] {
  const pages = readdirSync(join(projectRoot, "docs"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".md"))
    .map((path) => `docs/${path}`);
  return ["README.md", ...pages.sort()].flatMap((page) => {
    const text = readFileSync(join(projectRoot, page), "utf8");
    const blocks = [...text.matchAll(/^```corefile\n([\s\S]*?)^```/gm)].map((match) => match[1]!);
    return blocks.map((block, index) => ({ place: `${page} ${index + 1}`, text: block }));
  });
}

/** Directives that listen for HTTP, with the address that they have when none is given. */
const HTTP = /^([ \t]+)(prometheus|health|ready|pprof)\b(?:[ \t]+(?!\{)\S+)?/gm;
/** Addresses that stand for somebody's upstream: for documentation (RFC 5737), and what the machine would use. */
const UPSTREAM = /(?<=\s)(?:(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d+(?::\d+)?|\/etc\/resolv\.conf)(?=\s|$)/g;

/**
 * The Corefile with `{PORT}` for all its keys, a port of `ports` for each HTTP address, `upstreams` in turn, and `api` for the
 * API of a cluster.
 */
export function runnable(text: string, ports: readonly number[], upstreams: readonly string[], api = ""): string {
  const left = [...ports];
  const replaceUpstreams = (line: string) => {
    let used = 0;
    return line.replace(UPSTREAM, () => upstreams[used++ % upstreams.length]!);
  };
  return text
    .replace(
      /^(?!\()(\S.*?)\s*\{$/gm,
      (_, keys: string) =>
        `${keys
          .split(/[\s,]+/)
          .map(onPort)
          .join(" ")} {`,
    )
    .replace(HTTP, (_, indent: string, directive: string) => `${indent}${directive} 127.0.0.1:${left.shift()}`)
    .replace(/^\s+(forward|proxy)\b.*$/gm, replaceUpstreams)
    .replace(/^(\s+endpoint) \S+$/gm, `$1 ${api}`);
}

function onPort(key: string): string {
  return `${key.replace(/(?<=[^:]):\d+$|^:\d+$/, "")}:{PORT}`;
}

/** A name to ask: below the first zone that is named. */
export function nameFor(text: string): string {
  const [, key = "."] = /^(?!\()(\S+?)(?::\d+)?[\s,].*\{$/m.exec(text) ?? [];
  const zone = key.replace(/^\w+:\/\//, "");
  return zone === "." || zone === "" ? "www.example.org." : `www.${zone.replace(/\.$/, "")}.`;
}
