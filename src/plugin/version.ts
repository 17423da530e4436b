/** Who this is. */
import { readFileSync } from "node:fs";

/** The release of CoreDNS whose behaviour this is. */
export const COREDNS_VERSION = "1.15.0";

export function ownVersion(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
