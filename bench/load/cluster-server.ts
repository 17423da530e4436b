/**
 * An API server for benchmarks, a process of its own: a generated cluster, lists (streamed, and paged), watches. Much less than
 * test/support/api-server.ts can, and as fast as a socket takes it, so that what is measured is who reads.
 *
 *   node cluster-server.ts PORT CLUSTER     says {"ready":true}, and {"firstByteMs":N} with each first byte of a list
 *   relist                                  on its standard input: all watches end with 410, so that everybody lists again
 *   churn {"dnsPort":N,...}                 changes objects and asks for them; says {"churn":...} when done
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createInterface } from "node:readline";
import { type ChurnOrder, runChurn } from "./churn.ts";
import { type ClusterName, clusterObjects, clusterSizes } from "./cluster-objects.ts";
import { ClusterStore, eventOf } from "./cluster-store.ts";
import { nowMs } from "./statistics.ts";

type Watch = { plural: string; response: ServerResponse };

/** Objects a write; more would only wait in our memory. */
const objectsPerWrite = 256;

const [port, cluster] = process.argv.slice(2) as [string, ClusterName];
const store = new ClusterStore();
const watches = new Set<Watch>();
/** By the token of their next page: what is left of a list, and its version. */
const pages = new Map<string, { version: number; left: string[] }>();

for (const manifest of clusterObjects(clusterSizes[cluster])) store.apply(manifest);

const server = createServer((request, response) => {
  answer(request, response).catch((error: Error) => response.destroy(error));
});
server.listen(Number(port), "127.0.0.1", () => say({ ready: true }));
createInterface({ input: process.stdin })
  .on("line", (line) => obey(line))
  .on("close", () => process.exit());

function say(what: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

function obey(line: string): void {
  if (line === "relist") relist();
  else if (line.startsWith("churn ")) {
    const order: ChurnOrder = JSON.parse(line.slice("churn ".length));
    runChurn(order, change).then((churn) => say({ churn }));
  }
}

function change(manifest: Parameters<ClusterStore["apply"]>[0]): void {
  const { plural, event } = store.apply(manifest);
  for (const watch of watches) if (watch.plural === plural) watch.response.write(event);
}

function relist(): void {
  pages.clear();
  for (const { response } of [...watches]) response.end(eventOf("ERROR", JSON.stringify(expired)));
}

const expired = {
  kind: "Status",
  apiVersion: "v1",
  metadata: {},
  status: "Failure",
  message: "too old resource version",
  reason: "Expired",
  code: 410,
};

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url!, "http://api.test");
  const plural = url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
  const stored = store.list(plural);
  const query = url.searchParams;
  response.setHeader("content-type", "application/json");
  if (stored === undefined) {
    response.writeHead(404).end();
    return;
  }
  const texts = stored.map(({ json }) => json);
  if (query.get("watch") === "true" || query.get("watch") === "1") await watch(response, plural, query, texts);
  else listPage(request, response, query, texts);
}

async function watch(response: ServerResponse, plural: string, query: URLSearchParams, texts: string[]): Promise<void> {
  const version = store.version;
  const from = Number(query.get("resourceVersion") ?? 0);
  response.writeHead(200).flushHeaders();
  if (query.get("sendInitialEvents") === "true" || from === 0) {
    say({ firstByteMs: nowMs() });
    for (let i = 0; i < texts.length && !response.destroyed; i += objectsPerWrite) {
      const events = texts.slice(i, i + objectsPerWrite).map((json) => eventOf("ADDED", json));
      // The next only when the socket wants it: both ends may be on one core.
      if (!response.write(events.join(""))) await drained(response);
    }
    const annotations = { "k8s.io/initial-events-end": "true" };
    const metadata = { resourceVersion: `${version}`, creationTimestamp: null, annotations };
    response.write(eventOf("BOOKMARK", JSON.stringify({ ...kindOf(texts), metadata })));
  } else if (from < version && changedSince(plural, from)) {
    // There is no history here: who missed something lists again, as behind a compaction.
    response.end(eventOf("ERROR", JSON.stringify(expired)));
    return;
  }
  const own = { plural, response };
  watches.add(own);
  response.on("close", () => watches.delete(own));
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    response.once("drain", resolve);
    response.once("close", resolve);
  });
}

function changedSince(plural: string, version: number): boolean {
  return (store.list(plural) ?? []).some(({ json }) => versionOf(json) > version);
}

function versionOf(json: string): number {
  return Number(/"resourceVersion":"(\d+)"/.exec(json)?.[1]);
}

function kindOf(texts: string[]): { kind: string; apiVersion: string } {
  const { kind = "Namespace", apiVersion = "v1" } = texts.length > 0 ? JSON.parse(texts[0]!) : {};
  return { kind, apiVersion };
}

function listPage(request: IncomingMessage, response: ServerResponse, query: URLSearchParams, texts: string[]): void {
  const limit = Number(query.get("limit") ?? 0);
  const token = query.get("continue");
  const page = token === null ? { version: store.version, left: texts } : pages.get(token);
  if (page === undefined) {
    response.writeHead(410).end(JSON.stringify(expired));
    return;
  }
  if (token === null) say({ firstByteMs: nowMs() });
  const shown = limit > 0 ? page.left.slice(0, limit) : page.left;
  const left = page.left.slice(shown.length);
  const next = left.length === 0 ? undefined : `${page.version}-${left.length}-${pages.size}`;
  if (next !== undefined) pages.set(next, { version: page.version, left });
  const onlyMetadata = /as=PartialObjectMetadataList/.test(request.headers.accept ?? "");
  const items = onlyMetadata ? shown.map((json) => JSON.stringify({ metadata: JSON.parse(json).metadata })) : shown;
  const { kind, apiVersion } = kindOf(texts);
  const type = onlyMetadata
    ? { kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1" }
    : { kind: `${kind}List`, apiVersion };
  const head = JSON.stringify({ ...type, metadata: { resourceVersion: `${page.version}`, continue: next } });
  response.end(`${head.slice(0, -1)},"items":[${items.join(",")}]}\n`);
}
