/** The text that `weftdns manifest` prints: the files of deploy/base, with a cluster's own values put in. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { isIPv4 } from "node:net";

export interface ManifestValues {
  readonly clusterDomain: string;
  readonly clusterIp: string;
  /** The reverse zones that the cluster answers. */
  readonly reverseZones: readonly string[];
  /** Undefined leaves the release that the base names. */
  readonly image: string | undefined;
}

/** What the base has, which is what kubeadm takes when nobody says otherwise. */
export const BASE_VALUES: ManifestValues = {
  clusterDomain: "cluster.local",
  clusterIp: "10.96.0.10",
  reverseZones: ["in-addr.arpa", "ip6.arpa"],
  image: undefined,
};

const BASE = new URL("../../deploy/base/", import.meta.url);

export function manifestText(values: ManifestValues): string {
  const { clusterDomain, clusterIp, reverseZones, image } = values;
  const base = BASE_VALUES;
  const zones = (domain: string, reverse: readonly string[]) => `kubernetes ${[domain, ...reverse].join(" ")} {`;
  let text = baseText();
  const put = (count: number, old: string, value: string): void => {
    const parts = text.split(old);
    assert.equal(parts.length, count + 1, `deploy/base has ${parts.length - 1} times "${old.trim()}", not ${count}`);
    text = parts.join(value);
  };
  put(1, zones(base.clusterDomain, base.reverseZones), zones(clusterDomain, reverseZones));
  put(1, `disable success ${base.clusterDomain}\n`, `disable success ${clusterDomain}\n`);
  put(1, `disable denial ${base.clusterDomain}\n`, `disable denial ${clusterDomain}\n`);
  // In YAML, an IPv6 address may read as a mapping.
  put(1, `clusterIP: ${base.clusterIp}\n`, `clusterIP: ${isIPv4(clusterIp) ? clusterIp : `"${clusterIp}"`}\n`);
  if (image !== undefined) put(1, `image: ${baseImage(text)}\n`, `image: ${image}\n`);
  return text;
}

/** The resources in the order of the base's list, as one stream of documents. */
function baseText(): string {
  const list = readFileSync(new URL("kustomization.yaml", BASE), "utf8");
  const files = [...list.matchAll(/^ {2}- (\S+)$/gm)].map(([, file]) => file!);
  assert.ok(files.length > 0, "deploy/base lists no resources");
  return files.map((file) => readFileSync(new URL(file, BASE), "utf8")).join("---\n");
}

function baseImage(text: string): string {
  const image = /^ +image: (\S+)$/m.exec(text)?.[1];
  assert.ok(image !== undefined, "deploy/base names no image");
  return image;
}
