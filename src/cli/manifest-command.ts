/** `weftdns manifest`: reads its own flags, prints what `kubectl apply -f -` takes. */
import { isIP } from "node:net";
import { nearest } from "../corefile/nearest.ts";
import { BASE_VALUES, type ManifestValues, manifestText } from "./manifest.ts";
import { parseSubnet, type Subnet } from "./subnet.ts";

/** Gives the exit code. */
export function manifest(words: readonly string[]): number {
  const line = parseManifestFlags(words);
  if ("values" in line) {
    process.stdout.write(manifestText(line.values));
    return 0;
  }
  process.stderr.write(line.text);
  return line.exitCode;
}

export type ManifestLine =
  | { readonly values: ManifestValues }
  | { readonly text: string; readonly exitCode: 0 | 1 | 2 };

interface Flag {
  readonly takes: string;
  readonly says: string;
}

const FLAGS: Readonly<Record<string, Flag>> = {
  "cluster-domain": { takes: "domain", says: `The cluster's domain (default "${BASE_VALUES.clusterDomain}")` },
  "cluster-ip": {
    takes: "address",
    says: `Address of the Service kube-dns (default "${BASE_VALUES.clusterIp}", or the tenth address of -service-cidr)`,
  },
  "service-cidr": {
    takes: "prefixes",
    says:
      "Prefixes whose reverse zones the cluster answers, with commas between: those of Services, and those of pods for" +
      `\n    \tthe names of headless Services' endpoints (default: all, "${BASE_VALUES.reverseZones.join(" ")}")`,
  },
  image: { takes: "reference", says: "Image of the container (default: this release's)" },
};

/** By the rules of the server's own flags: one dash or two, `-flag value` or `-flag=value`. */
export function parseManifestFlags(words: readonly string[]): ManifestLine {
  const given = new Map<string, string>();
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    const [, name, value] = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === undefined) return refuse(`extra command line arguments: [${words.slice(at).join(" ")}]`);
    if (name === "help" || name === "h") return { text: manifestUsage(), exitCode: 0 };
    if (!Object.hasOwn(FLAGS, name)) {
      const meant = nearest(name, Object.keys(FLAGS));
      const hint = meant === undefined ? "" : `, did you mean -${meant}?`;
      return { text: `flag provided but not defined: -${name}${hint}\n${manifestUsage()}`, exitCode: 2 };
    }
    const text = value ?? words[++at];
    if (text === undefined) return { text: `flag needs an argument: -${name}\n${manifestUsage()}`, exitCode: 2 };
    given.set(name, text);
  }
  return understand(given);
}

export function manifestUsage(): string {
  const flags = Object.entries(FLAGS).map(([name, { takes, says }]) => `  -${name} ${takes}\n    \t${says}\n`);
  return `Usage of weftdns manifest:\n${flags.join("")}Prints what kubectl apply -f - takes: cluster DNS in CoreDNS's place.\n`;
}

function understand(given: ReadonlyMap<string, string>): ManifestLine {
  const clusterDomain = given.get("cluster-domain")?.replace(/\.$/, "") ?? BASE_VALUES.clusterDomain;
  if (!isClusterDomain(clusterDomain)) {
    return invalid(given, "cluster-domain", "a domain of small letters, digits and hyphens such as cluster.local");
  }
  const subnets: Subnet[] = [];
  for (const text of given.get("service-cidr")?.split(",") ?? []) {
    const subnet = parseSubnet(text);
    if (typeof subnet === "string") return invalid(given, "service-cidr", subnet);
    subnets.push(subnet);
  }
  const clusterIp = given.get("cluster-ip") ?? (subnets.length > 0 ? subnets[0]!.tenthAddress : BASE_VALUES.clusterIp);
  if (clusterIp === undefined) {
    return refuse(`${given.get("service-cidr")} has no tenth address, which kube-dns has by default: give -cluster-ip`);
  }
  if (isIP(clusterIp) === 0 || clusterIp.includes("%")) return invalid(given, "cluster-ip", "an IPv4 or IPv6 address");
  if (subnets.length > 0 && !subnets.some(({ contains }) => contains(clusterIp))) {
    return refuse(`-cluster-ip ${clusterIp} is not in -service-cidr ${given.get("service-cidr")}`);
  }
  const image = given.get("image");
  if (image !== undefined && !IMAGE_REFERENCE.test(image)) {
    return invalid(given, "image", "a reference such as registry.example.org/weftdns:1.0.0");
  }
  const reverseZones = [...new Set(subnets.flatMap((subnet) => subnet.zones))];
  return {
    values: {
      clusterDomain,
      clusterIp,
      reverseZones: reverseZones.length > 0 ? reverseZones : BASE_VALUES.reverseZones,
      image,
    },
  };
}

/** `[host[:port]/]path[:tag][@digest]`; nothing that YAML could read as more than one word. */
const IMAGE_REFERENCE = /^[a-z0-9]([a-z0-9._:/-]*[a-z0-9])?(:[\w][\w.-]{0,127})?(@[a-z0-9]+:[a-f0-9]{32,})?$/i;

/** What the API server takes as the part of a name: labels of RFC 1123 section 2.1, in small letters. */
function isClusterDomain(text: string): boolean {
  return text.length <= 253 && text.split(".").every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label));
}

function invalid(given: ReadonlyMap<string, string>, flag: string, expected: string): ManifestLine {
  return refuse(`invalid value "${given.get(flag)}" for -${flag}, expected ${expected}`);
}

function refuse(message: string): ManifestLine {
  return { text: `${message}\n`, exitCode: 1 };
}
