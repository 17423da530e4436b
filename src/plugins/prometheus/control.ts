/** The control half of prometheus: serves the metrics, and says which plugins there are. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Control, ControlContext, Instance } from "../../plugin/context.ts";
import { Logger } from "../../plugin/logger.ts";
import { respond } from "../../plugin/respond.ts";
import { COREDNS_VERSION, ownVersion } from "../../plugin/version.ts";
import type { PrometheusConfig } from "./index.ts";
import type { WebConfig } from "./web-config.ts";

const PATH = "/metrics";
const compress = promisify(gzip);
/** What was made of a body: all who scrape at once share that, and each compressor would take a quarter of a MiB. */
const compressed = new WeakMap<Buffer, Promise<Buffer>>();
/** These lines have no `plugin/prometheus: ` in CoreDNS. */
const log = new Logger();

export async function control({ address, tls }: PrometheusConfig, context: ControlContext): Promise<Control> {
  describe(context);
  const { http, instance } = context;
  const failed = (reason: string) => log.error(`Failed to start metrics handler: ${reason}`);
  const control = { stop: () => {} };
  if (tls === undefined) {
    http(address, PATH, (request, response) => void answer(request, response, instance, {}), { failed });
    return control;
  }
  const config = await readWebConfig(tls);
  if (config === undefined) return control;
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request;
    if ("encrypted" in socket && !config.accepts(socket as TLSSocket)) socket.destroy();
    else void answer(request, response, instance, config.headers);
  };
  const options = config.options();
  http(address, PATH, handle, options === undefined ? { failed } : { failed, tls: () => config.options() ?? options });
  return control;
}

function describe({ keys, servers, plugins, gauge }: ControlContext): void {
  const own = ownVersion();
  gauge("build_info", BUILD_HELP, { version: COREDNS_VERSION, revision: `WeftDNS-${own}`, goversion: "" }).set(1);
  gauge("weftdns_build_info", "1, with the version of WeftDNS and of its Node.", {
    version: own,
    node: process.version,
  }).set(1);
  // CoreDNS counts the first key of a block only.
  const [key] = keys;
  for (const server of servers.filter((one) => one.endsWith(`:${key!.port}`))) {
    for (const name of plugins) {
      gauge("plugin_enabled", ENABLED_HELP, { server, zone: key!.zones[0]!, view: "", name }).set(1);
    }
  }
}
const BUILD_HELP =
  "A metric with a constant '1' value labeled by version, revision, and goversion from which CoreDNS was built.";
const ENABLED_HELP = "A metric that indicates whether a plugin is enabled on per server and zone basis.";

/** Undefined when the file is no good: then there are no metrics, and the server goes on. */
async function readWebConfig(path: string): Promise<WebConfig | undefined> {
  const module = await import("./web-config.ts");
  try {
    return new module.WebConfig(path);
  } catch (error) {
    log.error(`Invalid TLS config: ${(error as Error).message}`);
    return undefined;
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  instance: Instance,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  try {
    const { contentType, body: all } = await instance.metrics();
    const names = new URLSearchParams(request.url?.split("?")[1]).getAll("name[]");
    const text = names.length === 0 ? all : familiesOf(all.toString(), names);
    // A few families are short, and nobody else asks for the same.
    const zipped = text === all && acceptsGzip(request.headers["accept-encoding"]);
    const body = zipped ? await compressOnce(all) : text;
    const encoding = zipped ? { "Content-Encoding": "gzip" } : {};
    respond(response, 200, { ...headers, "Content-Type": contentType, ...encoding }, body);
  } catch (error) {
    const { message } = error as Error;
    log.error(`Metrics could not be collected: ${message}`);
    respond(response, 500, { "Content-Type": "text/plain; charset=utf-8" }, `${message}\n`);
  }
}

function compressOnce(body: Buffer): Promise<Buffer> {
  const made = compressed.get(body) ?? compress(body);
  compressed.set(body, made);
  return made;
}

/** Of the text, those families that a scraper names. */
function familiesOf(text: string, names: readonly string[]): string {
  const families = text.split(/^(?=# HELP )/m);
  return families.filter((family) => names.includes(family.split(" ", 3)[2]!)).join("");
}

/** RFC 9110 section 12.5.3: a list of codings, each with a weight; that of 0 is a refusal. */
function acceptsGzip(header: string | string[] | undefined): boolean {
  return String(header ?? "")
    .split(",")
    .some((part) => {
      const [coding, weight] = part.split(";").map((word) => word.trim().toLowerCase());
      return coding === "gzip" && !/^q=0(\.0*)?$/.test(weight ?? "");
    });
}
