/** Where the configuration comes from: `-conf`, else `./Corefile`, else CoreDNS's built-in default (behaviour 2.11). */
import { existsSync, readFileSync } from "node:fs";
import { DEFAULT_DNS_PORT } from "../corefile/keys.ts";
import { systemMessage } from "../corefile/system-message.ts";
import type { ConfigurationSource } from "../supervisor/configuration.ts";
import type { Settings } from "./flags.ts";

const STANDARD_INPUT = 0;

/** Gives what reads the Corefile anew on each call (a reload); a pipe can be read only once, so it is kept. */
export function corefileReader(settings: Settings): () => ConfigurationSource {
  const { conf, logFormat } = settings;
  const common = { dnsPort: settings.dnsPort ?? DEFAULT_DNS_PORT, logFormat, environment: process.env };
  if (conf === "stdin") {
    if (process.env.WEFTDNS_DIED_OF) throw new Error("the Corefile was read from a pipe, by a process that has died");
    const text = readFileSync(STANDARD_INPUT, "utf8");
    return () => ({ ...common, file: "stdin", text });
  }
  if (conf === undefined && !existsSync("Corefile")) return () => ({ ...common, file: "Corefile", text: "" });
  const file = conf ?? "Corefile";
  return () => ({ ...common, file, text: readCorefile(file) });
}

/** In the words that scripts know from CoreDNS. */
function readCorefile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { syscall } = error as NodeJS.ErrnoException;
    throw new Error(`loading Caddyfile via flag: ${syscall} ${file}: ${systemMessage(error)}`);
  }
}
