/** An address that many endpoints have: the end of their names stands in the reply once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { kubernetes } from "../../../src/plugins/kubernetes/index.ts";
import { endpointSlice, service } from "../../support/api-objects.ts";
import { ApiServer } from "../../support/api-server.ts";
import { linkChain } from "../../support/chain.ts";

const COUNT = 300;

test("names of an address", async (t) => {
  const names = Array.from({ length: COUNT }, (_, i) => `s${i}`);
  const endpoints = [{ addresses: ["10.9.0.1"], hostname: "h" }];
  const api = await ApiServer.start({
    objects: names.flatMap((name) => [
      service(name, "a", ["None"]),
      endpointSlice(name, "a", endpoints),
      // The same endpoint in a second slice is the same name.
      endpointSlice(name, "a", endpoints, [], `${name}-more`),
    ]),
  });
  const corefile = `. {\nkubernetes cluster.local in-addr.arpa {\nendpoint ${api.url}\n}\n}`;
  const chain = await linkChain({ plugins: [kubernetes], corefile });
  t.after(async () => {
    await chain.stop();
    await api.close();
  });
  const ask = "1.0.9.10.in-addr.arpa. PTR";
  for (const { size, atLeast } of [
    { size: 512, atLeast: 16 },
    { size: 1_232, atLeast: 42 },
    { size: 16_000, atLeast: COUNT },
  ]) {
    const { reply } = await chain.ask({ ask, edns: { size } });
    const targets = new Set(reply?.answer.map((line) => line.replace(`1.0.9.10.in-addr.arpa. 5 IN PTR h.`, "")));
    assert.ok(targets.size >= atLeast, `${targets.size} in ${size} bytes`);
    assert.equal(reply?.answer.length, targets.size);
    for (const target of targets) assert.match(target, /^s\d{1,3}\.a\.svc\.cluster\.local\.$/);
  }
});
