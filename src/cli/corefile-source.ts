/** Where the configuration comes from: `-conf`, else `./Corefile`, else CoreDNS's built-in default (behaviour 2.11). */
import { existsSync, readFileSync, statSync } from "node:fs";
import { diskFiles } from "../corefile/files.ts";
import { DEFAULT_DNS_PORT } from "../corefile/keys.ts";
import { systemMessage } from "../corefile/system-message.ts";
import type { ConfigurationSource } from "../supervisor/configuration.ts";
import type { Settings } from "./flags.ts";

const STANDARD_INPUT = 0;

/** Gives what reads the Corefile anew on each call (a reload); a pipe can be read only once, so it is kept. */
export function corefileReader(settings: Settings): () => ConfigurationSource {
  const { conf, logFormat } = settings;
  const common = { dnsPort: settings.dnsPort ?? DEFAULT_DNS_PORT, logFormat, environment: process.env };
  const file = conf ?? "Corefile";
  if (conf === "stdin" || isPipe(file)) {
    if (process.env.WEFTDNS_DIED_OF) throw new Error("the Corefile was read from a pipe, by a process that has died");
    const text = readFileSync(conf === "stdin" ? STANDARD_INPUT : file, "utf8");
    return () => ({ ...common, file, text });
  }
  if (conf === undefined && !existsSync(file)) return () => ({ ...common, file, text: "" });
  return () => ({ ...common, file, text: readCorefile(file) });
}

/** `-conf <(...)` in a shell, for instance. */
function isPipe(file: string): boolean {
  try {
    return statSync(file).isFIFO();
  } catch {
    // Reading it says why.
    return false;
  }
}

/** In the words that scripts know from CoreDNS. */
function readCorefile(file: string): string {
  try {
    return diskFiles.readFile(file);
  } catch (error) {
    const { syscall = "read" } = error as NodeJS.ErrnoException;
    throw new Error(`loading Caddyfile via flag: ${syscall} ${file}: ${systemMessage(error)}`);
  }
}
