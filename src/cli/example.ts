/** `weftdns example`: a server to try, without a file, without root, without a cluster. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ConfigurationSource } from "../supervisor/configuration.ts";
import type { Settings } from "./flags.ts";

const PORT = 1053;
const ZONE_FILE = fileURLToPath(new URL("../../examples/db.example.org", import.meta.url));

export const EXAMPLE_HINT = `
Try it:
  dig -p ${PORT} @127.0.0.1 www.example.org          a name of the example zone
  dig -p ${PORT} @127.0.0.1 whoami.test              what the server sees of you
  dig -p ${PORT} @127.0.0.1 example.com              any other name, by the resolvers of this machine
`;

/** The zone `example.org`, `whoami.test`, and everything else from the machine's resolvers. */
export function exampleReader(settings: Settings): () => ConfigurationSource {
  const resolvers = existsSync("/etc/resolv.conf") ? "/etc/resolv.conf" : "127.0.0.1";
  const text = `.:${PORT} {
  forward . ${resolvers}
  errors
  log
}
example.org:${PORT} {
  file ${ZONE_FILE}
  errors
  log
}
whoami.test:${PORT} {
  whoami
  log
}
`;
  return () => ({
    file: "example",
    text,
    dnsPort: settings.dnsPort ?? PORT,
    logFormat: settings.logFormat,
    environment: {},
  });
}
