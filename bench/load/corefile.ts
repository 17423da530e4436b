/** The Corefiles of WeftDNS and CoreDNS: bare work, and what clusters run. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { asksOverTcp } from "./scenarios.ts";
import type { Command, Setup } from "./servers.ts";
import { benchDirectory } from "./tools.ts";

type CorefileOptions = { multisocket: boolean; stock?: boolean; verifiedPods?: boolean };

export function corefile(
  program: string,
  setup: Setup,
  { multisocket, stock, verifiedPods }: CorefileOptions,
): Command {
  const { port, work, zoneFile, upstreamPort } = setup;
  const hasStock = stock || work.kind === "stock" || work.kind === "cluster";
  const lines: string[] = [];
  if (multisocket) lines.push(`multisocket ${setup.workers}`);
  if (hasStock) lines.push(...stockPlugins(setup));
  if (work.kind === "cluster") lines.push(...kubernetes(setup, verifiedPods === true));
  if (work.kind === "zone") lines.push(`file ${zoneFile} {`, "  reload 0", "}");
  else if (!hasStock) lines.push(`forward . 127.0.0.1:${upstreamPort}`);
  else lines.push(`forward . 127.0.0.1:${upstreamPort} {`, ...forwardOptions(work), "}", "cache 30");
  const isStock = work.kind === "stock";
  if (isStock && work.log) lines.push("log");
  let text = corefileBlock(work.kind === "zone" ? `example.org:${port}` : `.:${port}`, lines);
  if (isStock && work.fault) text += corefileBlock(`fault.test:${port}`, [`multisocket ${setup.workers}`, faultPlugin]);
  writeFileSync(corefilePath(setup), text);
  return { program, parameters: ["-conf", corefilePath(setup)] };
}

function forwardOptions(work: Setup["work"]): string[] {
  return ["  max_concurrent 1000", ...(asksOverTcp(work) ? ["  force_tcp"] : [])];
}

/** As kubeadm writes it, but for where the API is. */
function kubernetes({ apiPort }: Setup, verifiedPods: boolean): string[] {
  return [
    "kubernetes cluster.local in-addr.arpa ip6.arpa {",
    `  endpoint http://127.0.0.1:${apiPort}`,
    `  pods ${verifiedPods ? "verified" : "insecure"}`,
    "  fallthrough in-addr.arpa ip6.arpa",
    "  ttl 30",
    "}",
  ];
}

/** A plugin that does what no plugin should, when a name tells it to. */
const faultPlugin = join(benchDirectory, "../test/support/fault-plugin.ts");

export function corefilePath({ directory }: Setup): string {
  return join(directory, "Corefile");
}

export function corefileBlock(keys: string, lines: string[]): string {
  return `${keys} {\n${["bind 127.0.0.1", ...lines].map((line) => `  ${line}\n`).join("")}}\n`;
}

/**
 * Those of the Corefile in the default deployment that do not change the answers; `cache` joins them before `forward`.
 * `health` there has `lameduck 5s`, by which every server of a benchmark would only end later.
 */
const stockPlugins = ({ healthPort, readyPort, metricsPort }: Setup) => [
  "errors",
  `health 127.0.0.1:${healthPort}`,
  `ready 127.0.0.1:${readyPort}`,
  `prometheus 127.0.0.1:${metricsPort}`,
  "loop",
  "reload",
  "loadbalance",
];
