/** Users' own plugins: from the path that a Corefile names to a plugin, or to what is wrong with the file, said at that word. */
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { ConfigMistake, tokenMistake } from "../corefile/mistake.ts";
import { systemMessage } from "../corefile/system-message.ts";
import type { Plugin } from "./plugin.ts";

/** A module that waits for something at its top level may wait for ever. */
const MAX_LOAD_MS = 5_000;

/**
 * Where all threads of a configuration load the plugin from: the file with a version, a hash of what is in it. Node keeps what
 * it has loaded from a URL, so without it the workers that go on would have the old code and new ones the new. Relative
 * paths start from the working directory. Throws when there is no such file.
 */
export function ownPluginUrl(path: string): string {
  let bytes: Buffer;
  try {
    if (!statSync(path).isFile()) throw new Error("not a file");
    bytes = readFileSync(path);
  } catch (error) {
    throw new Error(`open ${path}: ${systemMessage(error)}`);
  }
  return `${pathToFileURL(path).href}?${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}`;
}

export function isOwnPluginUrl(name: string): boolean {
  return name.startsWith("file:");
}

export async function importOwnPlugin(url: string): Promise<Plugin> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const reason = `it has not loaded within ${MAX_LOAD_MS / 1000} s`;
    timer = setTimeout(() => reject(new Error(reason)), MAX_LOAD_MS);
  });
  try {
    const module = (await Promise.race([import(url), late])) as { default?: Plugin };
    if (typeof module.default?.parse !== "function") throw new Error("it has no plugin as its default export");
    return module.default;
  } finally {
    clearTimeout(timer);
  }
}

/** For the supervisor. `places` are the plugins that it may stand before. */
export async function loadOwnPlugin(path: string, places: readonly string[]): Promise<Plugin> {
  let url = "";
  try {
    url = ownPluginUrl(path);
    const plugin = await importOwnPlugin(url);
    const { name = path, before, parse } = plugin;
    if (before !== undefined && !places.includes(before)) {
      throw new Error(`it wants to stand before ${before}, which is no plugin`);
    }
    const parseSafely: Plugin["parse"] = (directive, block) => {
      try {
        return parse.call(plugin, directive, block);
      } catch (error) {
        if (error instanceof ConfigMistake) throw error;
        return directive.fail(`${path} has failed: ${reasonOf(error, url)}`);
      }
    };
    return Object.create(plugin, { name: { value: name }, url: { value: url }, parse: { value: parseSafely } });
  } catch (error) {
    const message = `Unknown directive '${path}', it is no plugin: ${reasonOf(error, url)}`;
    const parse: Plugin["parse"] = ({ stanzas }) => {
      throw new ConfigMistake(tokenMistake(stanzas[0]!.head, "parsing", message));
    };
    return { name: path, parse };
  }
}

/** The message, with the line of the plugin's file where it says one. */
function reasonOf(error: unknown, url: string): string {
  if (!(error instanceof Error)) return String(error);
  const line = url === "" ? undefined : /^\d+/.exec(error.stack?.split(`${url}:`)[1] ?? "")?.[0];
  return line === undefined ? error.message : `${error.message} (line ${line})`;
}
