/** Every manifest of deploy/ is one that a real API server takes: fields, names, and what they refer to. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { BASE_VALUES, manifestText } from "../../../src/cli/manifest.ts";
import { projectRoot } from "../../house/sources.ts";
import { whyNot } from "./build.ts";
import { Cluster } from "./cluster.ts";
import * as objects from "./objects.ts";

const deploy = join(projectRoot, "deploy");
const foldersOf = (kind: string) =>
  existsSync(join(deploy, kind)) ? readdirSync(join(deploy, kind)).map((name) => `${kind}/${name}`) : [];
const components = foldersOf("components");
const overlays = foldersOf("overlays");

describe("manifests on a real API server", { skip: whyNot() ?? false, timeout: 1_200_000 }, () => {
  let cluster: Cluster;
  const dryRun = (resource: string, parts: readonly string[] = []) =>
    cluster.applyKustomization(
      { resources: [join(deploy, resource)], components: parts.map((part) => join(deploy, part)) },
      true,
    );

  before(async () => {
    cluster = await Cluster.start();
    await cluster.create(objects.serviceEntryDefinition, ...objects.monitorDefinitions);
    // Definitions are taken at once, their objects a moment later.
    for (let left = 50; left > 0; left--) {
      const { status } = await cluster.request("GET", "/apis/monitoring.coreos.com/v1/servicemonitors");
      if (status === 200) break;
      await sleep(100);
    }
  });
  after(() => cluster?.stop());

  test("there are manifests", () => {
    assert.ok(components.length >= 3 && overlays.length >= 3, [...components, ...overlays].join());
  });

  test("the base, and again over itself", async () => {
    const text = await dryRun("base");
    for (const kind of ["deployment.apps/coredns", "service/kube-dns", "configmap/coredns"]) {
      assert.match(text, new RegExp(`^${kind} serverside-applied \\(server dry run\\)$`, "m"));
    }
    await cluster.applyKustomization({ resources: [join(deploy, "base")] });
    assert.match(await dryRun("base"), /^deployment\.apps\/coredns serverside-applied/m);
  });

  for (const component of components) {
    test(component, async () => {
      assert.match(await dryRun("base", [component]), /serverside-applied \(server dry run\)/);
    });
  }

  test("all components together", async () => {
    assert.match(await dryRun("base", components), /serverside-applied \(server dry run\)/);
  });

  for (const overlay of overlays) {
    test(overlay, async () => {
      // A dry run makes no namespace, so objects within would find none.
      const names = (await cluster.kubectl(["kustomize", join(deploy, overlay)])).matchAll(
        /^kind: Namespace\nmetadata:\n(?: {2}.*\n)*? {2}name: (\S+)/gm,
      );
      await cluster.apply(...[...names].map(([, name]) => objects.namespace(name!)));
      assert.match(await dryRun(overlay), /serverside-applied \(server dry run\)/);
    });
  }

  for (const { name, values } of [
    { name: "as it is", values: {} },
    { name: "another domain and address", values: { clusterDomain: "shop.test", clusterIp: "10.96.0.53" } },
    { name: "another image", values: { image: "registry.example/dns:1" } },
    { name: "an IPv6 address", values: { clusterIp: "fd00:10:96::35", reverseZones: ["ip6.arpa"] } },
  ]) {
    test(`what weftdns manifest prints: ${name}`, async () => {
      const text = manifestText({ ...BASE_VALUES, ...values });
      // Addresses of a Service cannot be changed, so it must not be there from before.
      await cluster.kubectl(["delete", "-n", "kube-system", "service/kube-dns", "--ignore-not-found"]);
      const said = await cluster.kubectl(["apply", "--server-side", "--dry-run=server", "-f", "-"], text);
      assert.match(said, /^service\/kube-dns serverside-applied \(server dry run\)$/m);
    });
  }
});
