/** The files for Grafana and Prometheus: made of what they say they are, of metrics that exist, and each alert explained. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { load } from "js-yaml";
import { dashboardFiles } from "../../scripts/dashboard.ts";
import { rows } from "../../scripts/dashboard-panels.ts";
import { alerts, metricsIn, RULE_FILES, root } from "./support.ts";

test("what npm run dashboard makes is what stands in grafana", () => {
  for (const [path, text] of dashboardFiles(root)) {
    assert.ok(
      readFileSync(join(root, path), "utf8") === text,
      `${path}: run npm run dashboard and commit what it writes`,
    );
  }
});

/** `process_*` is one row of the table, and what Prometheus itself makes is in none. */
const documented = new Set(
  [...readFileSync(join(root, "docs/metrics.md"), "utf8").matchAll(/^\| `(\w+)`/gm)].map((match) => match[1]!),
);
const isDocumented = (metric: string) =>
  metric === "up" ||
  metric.startsWith("process_") ||
  documented.has(metric) ||
  documented.has(metric.replace(/_(bucket|sum|count)$/, ""));

for (const { title, panels } of rows) {
  test(`dashboard: ${title}: all metrics exist`, () => {
    for (const panel of panels) {
      for (const { expr } of panel.queries) {
        const metrics = metricsIn(expr);
        assert.ok(metrics.length > 0, expr);
        assert.deepEqual(
          metrics.filter((metric) => !isDocumented(metric)),
          [],
          panel.title,
        );
      }
    }
  });
}

test("panels do not overlap, and fill the width", () => {
  const { panels } = JSON.parse(readFileSync(join(root, "grafana/dashboards/weftdns.json"), "utf8"));
  const used = new Set<string>();
  for (const { title, gridPos: at } of panels) {
    assert.ok(at.x + at.w <= 24, title);
    for (let x = at.x; x < at.x + at.w; x++) {
      for (let y = at.y; y < at.y + at.h; y++) {
        assert.ok(!used.has(`${x} ${y}`), `${title} lies on another panel`);
        used.add(`${x} ${y}`);
      }
    }
  }
});

const operations = readFileSync(join(root, "docs/operations.md"), "utf8");

for (const { alert, expr, annotations } of alerts()) {
  test(`alert ${alert}: its metrics exist, and the manual says what to do`, () => {
    assert.deepEqual(
      metricsIn(expr).filter((metric) => !isDocumented(metric)),
      [],
    );
    assert.ok(operations.includes(`\n### ${alert}\n`), `docs/operations.md has no section ${alert}`);
    assert.ok((annotations.summary ?? "").length > 10);
  });
}

test("provisioning is YAML that names the dashboard's folder", () => {
  const read = (path: string) => load(readFileSync(join(root, "grafana/provisioning", path), "utf8")) as never;
  const { providers } = read("dashboards/weftdns.yaml") as { providers: { options: { path: string } }[] };
  assert.equal(providers[0]!.options.path, "/var/lib/grafana/dashboards");
  const { datasources } = read("datasources/prometheus.yaml") as { datasources: { type: string }[] };
  assert.equal(datasources[0]!.type, "prometheus");
});

const promtool = spawnSync("promtool", ["--version"]).error === undefined;

test("promtool takes the rules and the configuration", {
  skip: !promtool && process.env.CI !== "true" && "no promtool",
}, () => {
  const check = (...words: string[]) =>
    execFileSync("promtool", ["check", ...words], { cwd: join(root, "grafana"), encoding: "utf8" });
  assert.match(check("rules", ...RULE_FILES), /SUCCESS: \d+ rules found/);
  assert.match(check("config", "prometheus.yml"), /is valid prometheus config/);
});
