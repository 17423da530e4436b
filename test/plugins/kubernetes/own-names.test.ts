/** Names that are too long for a message: the zone's NS records have none of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bind } from "../../../src/plugins/bind.ts";
import { k8sExternal } from "../../../src/plugins/k8s_external/index.ts";
import { kubernetes } from "../../../src/plugins/kubernetes/index.ts";
import { endpointSlice, service } from "../../support/api-objects.ts";
import { ApiServer } from "../../support/api-server.ts";
import { linkChain } from "../../support/chain.ts";

const LABEL = "x".repeat(63);
/** 60 bytes: with `svc` and three labels of 63 letters before it a name has 256. */
const ZONE = `${"c".repeat(30)}.${"l".repeat(27)}`;
/** 250 bytes. */
const LONG_ZONE = `${LABEL}.${LABEL}.${LABEL}.${"l".repeat(56)}`;

for (const { what, zone, host, answer } of [
  { what: "an endpoint's", zone: ZONE, host: LABEL, answer: [`${ZONE}. 5 IN NS ns.dns.${ZONE}.`] },
  {
    what: "no name",
    zone: ZONE,
    host: LABEL.slice(1),
    answer: [`${ZONE}. 5 IN NS ${LABEL.slice(1)}.${LABEL}.${LABEL}.svc.${ZONE}.`],
  },
  { what: "the server's own", zone: LONG_ZONE, host: "a", answer: [] },
]) {
  test(`kubernetes: ${what} is too long for an NS record`, async (t) => {
    const objects = [
      service(LABEL, LABEL, ["None"]),
      endpointSlice(LABEL, LABEL, [{ addresses: ["192.0.2.53"], hostname: host }]),
    ];
    const api = await ApiServer.start({ objects });
    t.after(() => api.close());
    const corefile = `. {\nbind 192.0.2.53\nkubernetes ${zone} {\nendpoint ${api.url}\n}\n}`;
    const chain = await linkChain({ plugins: [bind, kubernetes], corefile });
    t.after(() => chain.stop());
    const { reply } = await chain.ask({ ask: `${zone}. NS` });
    assert.deepEqual(reply?.answer, answer);
  });
}

test("k8s_external: the name of its server is too long for an NS record", async (t) => {
  const api = await ApiServer.start({ objects: [] });
  t.after(() => api.close());
  const external = `k8s_external ${ZONE} {\napex ${LABEL}.${LABEL}.${LABEL}\n}`;
  const corefile = `. {\nbind 192.0.2.53\n${external}\nkubernetes cluster.local {\nendpoint ${api.url}\n}\n}`;
  const chain = await linkChain({ plugins: [bind, k8sExternal, kubernetes], corefile });
  t.after(() => chain.stop());
  const { reply } = await chain.ask({ ask: `${ZONE}. NS` });
  assert.deepEqual(reply?.answer, []);
});
