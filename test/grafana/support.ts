/** The rule files as data, and which metrics an expression names. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";

export const root: string = join(import.meta.dirname, "../..");
export const RULE_FILES: readonly string[] = ["alerts/coredns.yaml", "alerts/weftdns.yaml"];

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export function alerts(): readonly Alert[] {
  return RULE_FILES.flatMap((file) => {
    const { groups } = load(readFileSync(join(root, "grafana", file), "utf8")) as { groups: { rules: Alert[] }[] };
    return groups.flatMap(({ rules }) => rules);
  });
}

/** Names that begin as metrics of ours do. */
export function metricsIn(expr: string): string[] {
  return [...new Set(expr.match(/\b(?:coredns|weftdns|process|go)_\w+|\bup\b/g))].filter((name) => name !== "weftdns");
}
