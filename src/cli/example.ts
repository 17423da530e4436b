/** `weftdns example`: a server to try, without a file, without root, without a cluster. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ConfigurationSource } from "../supervisor/configuration.ts";
import type { Settings } from "./flags.ts";

const PORT = 1053;
/** Not 8080, the default of `health`: something else is there on many machines. */
const HEALTH = "127.0.0.1:8053";
const READY = "127.0.0.1:8181";
const METRICS = "127.0.0.1:9153";
const ZONE_FILE = fileURLToPath(new URL("../../examples/db.example.org", import.meta.url));

export const EXAMPLE_HINT = `
Try it:
  dig -p ${PORT} @127.0.0.1 www.example.org          a name of the example zone
  dig -p ${PORT} @127.0.0.1 whoami.test              what the server sees of you
  dig -p ${PORT} @127.0.0.1 example.com              any other name, by the resolvers of this machine; then from the cache
  curl http://${HEALTH}/health                  alive
  curl http://${READY}/ready                   all plugins can answer
  curl http://${METRICS}/metrics                 what it has done, for Prometheus
`;

/** The zone `example.org`, `whoami.test`, and everything else from the machine's resolvers, as clusters have it. */
export function exampleReader(settings: Settings): () => ConfigurationSource {
  const resolvers = existsSync("/etc/resolv.conf") ? "/etc/resolv.conf" : "127.0.0.1";
  const text = `(watched) {
  errors
  log
  prometheus ${METRICS}
}
.:${PORT} {
  import watched
  health ${HEALTH}
  ready ${READY}
  cache 30
  forward . ${resolvers}
  loop
  loadbalance
}
example.org:${PORT} {
  import watched
  file ${ZONE_FILE}
}
whoami.test:${PORT} {
  import watched
  whoami
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
