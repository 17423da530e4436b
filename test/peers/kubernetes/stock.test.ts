/**
 * The Corefile that `deploy/` installs, unchanged but for its ports, with the account of a pod: on ours and on CoreDNS, against
 * a real API server.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { runnable } from "../../docs/examples.ts";
import { projectRoot } from "../../house/sources.ts";
import { findCoreDns } from "../../support/coredns.ts";
import { Fakeup } from "../../support/fakeup.ts";
import { get } from "../../support/http.ts";
import { freePorts, ourCommand, TestServer } from "../../support/server.ts";
import { whyNot } from "./build.ts";
import { Cluster } from "./cluster.ts";
import * as objects from "./objects.ts";
import { PodFiles, whyNoPods } from "./pod.ts";

const ACCOUNT = { space: "kube-system", name: "coredns" } as const;
const PATIENCE_MS = 20_000;

describe("deploy/'s own Corefile in a pod's place", {
  skip: whyNot() ?? whyNoPods() ?? false,
  timeout: 1_200_000,
}, () => {
  let cluster: Cluster;
  let pod: PodFiles;
  let upstream: Fakeup;
  let corefile: string;

  before(async () => {
    upstream = await Fakeup.start();
    cluster = await Cluster.start();
    await cluster.applyKustomization({ resources: [join(projectRoot, "deploy/base")] });
    await cluster.create(
      objects.namespace("shop"),
      objects.service("web", { clusterIP: "10.96.0.20" }),
      objects.service("db", { clusterIP: "None" }),
      objects.endpointSlice("db", [["10.244.0.5", "db-0"], ["10.244.0.6"]]),
    );
    const { body } = await cluster.request("GET", "/api/v1/namespaces/kube-system/configmaps/coredns");
    corefile = body.data.Corefile;
    pod = new PodFiles(cluster);
  });
  after(async () => {
    await cluster?.stop();
    await upstream?.stop();
  });

  for (const { name, program, looksAgain } of [
    { name: "weftdns", program: ourCommand, looksAgain: true },
    // It keeps a token for a minute, and is refused as long.
    { name: "coredns", program: findCoreDns(), looksAgain: false },
  ]) {
    const missing = program === undefined && !process.env.CI && "coredns is not here";
    test(name, { skip: missing }, async () => {
      assert.ok(program, `${name} is not here`);
      const secret = objects.secret(`first-${name}`, ACCOUNT.space);
      await cluster.create(secret);
      pod.writeToken(await cluster.token(ACCOUNT.space, ACCOUNT.name, secret.metadata.name));
      // Health, ready and prometheus stand in this order.
      const ports = await freePorts(3);
      const server = await TestServer.start({
        corefile: runnable(corefile, ports, [upstream.to]),
        command: pod.wrap(name, program),
        environment: pod.environment,
      });
      const becomes = async (ask: string, wanted: string) => {
        const deadline = performance.now() + PATIENCE_MS;
        for (;;) {
          const reply = await server.ask({ ask });
          const found = [reply?.rcode, ...(reply?.answer ?? []).map((line) => line.split(" ").at(-1)!).sort()].join(
            " ",
          );
          if (found === wanted) return;
          assert.ok(performance.now() < deadline, `${ask}: ${found}, not ${wanted}\n${server.lines.join("\n")}`);
          await sleep(50);
        }
      };
      try {
        await becomes("web.shop.svc.cluster.local. A", "NOERROR 10.96.0.20");
        assert.equal((await get(ports[1]!, "/ready"))?.status, 200);
        await becomes("db.shop.svc.cluster.local. A", "NOERROR 10.244.0.5 10.244.0.6");
        await becomes("5.0.244.10.in-addr.arpa. PTR", "NOERROR db-0.db.shop.svc.cluster.local.");
        await becomes("kube-dns.kube-system.svc.cluster.local. A", "NOERROR 10.96.0.10");
        await becomes("10-1-2-3.shop.pod.cluster.local. A", "NOERROR 10.1.2.3");
        await becomes("no.shop.svc.cluster.local. A", "NXDOMAIN");
        if (!looksAgain) return;
        // The files of the account change, the token before ends, all watches are cut.
        pod.writeToken(await cluster.token(ACCOUNT.space, ACCOUNT.name));
        await cluster.delete(secret);
        await cluster.restart();
        const late = objects.service(`late-${name}`, { clusterIP: "None" });
        await cluster.create(late, objects.endpointSlice(`late-${name}`, [["10.244.9.1"]]));
        await becomes(`late-${name}.shop.svc.cluster.local. A`, "NOERROR 10.244.9.1");
      } finally {
        await server.stop();
      }
    });
  }
});
