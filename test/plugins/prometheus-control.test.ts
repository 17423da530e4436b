/** What scrapers at the same time are given. */
import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import type { ControlContext, HttpHandler } from "../../src/plugin/context.ts";
import { control } from "../../src/plugins/prometheus/control.ts";

const families = ["one", "two"].map((name) => `# HELP ${name} ${name}\n# TYPE ${name} gauge\n${name} 1\n`);
const body = Buffer.from(families.join(""));

test("a scrape is compressed once for all who wait for it, and not at all when families are named", async () => {
  let handler: HttpHandler | undefined;
  const context = {
    keys: [{ zones: ["."], port: 53 }],
    servers: [],
    plugins: [],
    gauge: () => ({ set: () => {} }),
    http: (_address: string, _path: string, handle: HttpHandler) => {
      handler = handle;
    },
    instance: { metrics: async () => ({ contentType: "text/plain", body }) },
  };
  await control({ address: "127.0.0.1:9153" }, context as unknown as ControlContext);
  const scrape = (url: string) =>
    new Promise<Buffer>((resolve) => {
      const response = { writeHead: () => response, end: resolve };
      const request = { url, headers: { "accept-encoding": "gzip" } };
      handler!(request as unknown as IncomingMessage, response as unknown as ServerResponse);
    });
  const [first, ...others] = await Promise.all(Array.from({ length: 16 }, () => scrape("/metrics")));
  assert.deepEqual(gunzipSync(first!), body);
  for (const other of others) assert.equal(other, first);
  assert.equal(`${await scrape("/metrics?name[]=two")}`, families[1]);
});
