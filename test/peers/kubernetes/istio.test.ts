/** The plugin istio with the rights of `deploy/`, on a real API server that has the definition of ServiceEntries, or has not yet. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { projectRoot } from "../../house/sources.ts";
import { get } from "../../support/http.ts";
import { freePorts, TestServer } from "../../support/server.ts";
import { whyNot } from "./build.ts";
import { Cluster } from "./cluster.ts";
import * as objects from "./objects.ts";

const COREFILE = `global:{PORT} {
  errors
  ready 127.0.0.1:{READY}
  istio test.global {
    kubeconfig {KUBECONFIG}
  }
  cache 30
}
`;

/** On a machine that runs other tests beside. */
const PATIENCE_MS = 45_000;

describe("istio on a real API server", { skip: whyNot() ?? false, timeout: 600_000 }, () => {
  let cluster: Cluster;
  let server: TestServer;
  let readyPort = 0;

  const becomes = async (ask: string, wanted: string) => {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const reply = await server.ask({ ask });
      const found = reply
        ? [reply.rcode, ...reply.answer.map((line) => line.split(" ").at(-1)!)].join(" ")
        : "no reply";
      if (found === wanted) return;
      assert.ok(performance.now() < deadline, `${ask}: ${found}, not ${wanted}\n${server.lines.slice(-20).join("\n")}`);
      await sleep(20);
    }
  };

  before(async () => {
    cluster = await Cluster.start();
    await cluster.applyKustomization({
      resources: [join(projectRoot, "deploy/base")],
      components: [join(projectRoot, "deploy/components/istio")],
    });
    await cluster.create(objects.namespace("shop"));
    const path = join(cluster.directory, "account.json");
    const name = "account";
    const token = await cluster.token("kube-system", "coredns");
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name, cluster: { server: cluster.url, "certificate-authority": cluster.caFile } }],
      users: [{ name, user: { token } }],
      contexts: [{ name, context: { cluster: name, user: name } }],
      "current-context": name,
    };
    writeFileSync(path, JSON.stringify(config));
    [readyPort = 0] = await freePorts(1);
    server = await TestServer.start({
      corefile: COREFILE,
      placeholders: { KUBECONFIG: path, READY: `${readyPort}` },
    });
  });
  after(async () => {
    await server?.stop();
    await cluster?.stop();
  });

  test("is ready without the definition: there are no entries", async () => {
    assert.equal((await get(readyPort, "/ready"))?.status, 200);
    await becomes("api.test.global. A", "NXDOMAIN");
  });

  test("answers entries when the definition has come, and follows them", async () => {
    const wild = objects.serviceEntry("wild", ["*.test.global"], ["240.0.0.1", "2001:db8::1"]);
    await cluster.create(objects.serviceEntryDefinition);
    await cluster.createSoon(wild);
    await becomes("api.test.global. A", "NOERROR 240.0.0.1");
    await becomes("api.test.global. AAAA", "NOERROR 2001:db8::1");
    await becomes("api.test.global. TXT", "NOERROR");
    await cluster.apply(objects.serviceEntry("one", ["api.test.global"], ["240.0.0.2"]));
    await becomes("api.test.global. A", "NOERROR 240.0.0.2");
    await becomes("other.test.global. A", "NOERROR 240.0.0.1");
    await cluster.apply(objects.serviceEntry("one", ["api.test.global"], ["240.0.0.3"]));
    await becomes("api.test.global. A", "NOERROR 240.0.0.3");
    await cluster.delete(wild);
    await becomes("other.test.global. A", "NXDOMAIN");
  });

  test("what was known goes on being answered while the API server restarts, and is followed after", async () => {
    await cluster.halt();
    await becomes("api.test.global. A", "NOERROR 240.0.0.3");
    await cluster.restart();
    await cluster.apply(objects.serviceEntry("two", ["two.test.global"], ["240.0.0.4"]));
    await becomes("two.test.global. A", "NOERROR 240.0.0.4");
    await becomes("api.test.global. A", "NOERROR 240.0.0.3");
  });
});
