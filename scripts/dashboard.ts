/** npm run dashboard: writes grafana/dashboards/weftdns.json from the panels, and the list of panels in grafana/README.md. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Panel, rows } from "./dashboard-panels.ts";

const COLUMNS = 24;
const HEIGHT = 8;
const STAT_HEIGHT = 4;
const DATASOURCE = { type: "prometheus", uid: "$datasource" };

/** The files that are made, by their path in the repository. */
export function dashboardFiles(root: string): ReadonlyMap<string, string> {
  const readme = "grafana/README.md";
  return new Map([
    ["grafana/dashboards/weftdns.json", `${JSON.stringify(dashboard(), undefined, 2)}\n`],
    [readme, withPanels(readFileSync(join(root, readme), "utf8"))],
  ]);
}

function dashboard(): object {
  return {
    uid: "weftdns",
    title: "WeftDNS",
    description: "Made by `npm run dashboard` from scripts/dashboard-panels.ts. Edit there.",
    tags: ["dns", "weftdns"],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    templating: { list: variables() },
    panels: panels(),
  };
}

function variables(): object[] {
  const label = (name: string, query: string) => ({
    name,
    type: "query",
    datasource: DATASOURCE,
    query: { query, refId: name },
    definition: query,
    includeAll: true,
    multi: true,
    refresh: 2,
    sort: 1,
    current: { text: "All", value: "$__all" },
  });
  return [
    { name: "datasource", type: "datasource", query: "prometheus", current: {}, refresh: 1 },
    label("job", "label_values(weftdns_build_info, job)"),
    label("instance", 'label_values(weftdns_build_info{job=~"$job"}, instance)'),
  ];
}

/** Rows from top to bottom, their panels from left to right. */
function panels(): object[] {
  const all: object[] = [];
  let y = 0;
  for (const { title, panels } of rows) {
    all.push({
      id: all.length + 1,
      type: "row",
      title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y: y++, w: 24, h: 1 },
    });
    let x = 0;
    let height = 0;
    for (const panel of panels) {
      const w = panel.width ?? COLUMNS / 3;
      if (x + w > COLUMNS) {
        x = 0;
        y += height;
      }
      height = panel.kind === "stat" ? STAT_HEIGHT : HEIGHT;
      all.push({ id: all.length + 1, ...drawn(panel), gridPos: { x, y, w, h: height } });
      x += w;
    }
    y += height;
  }
  return all;
}

const TYPES = { stat: "stat", lines: "timeseries", stacked: "timeseries", heatmap: "heatmap" } as const;

function drawn({ title, tells, kind, unit, queries }: Panel): object {
  const targets = queries.map(({ expr, legend }, i) => ({
    refId: String.fromCharCode(65 + i),
    datasource: DATASOURCE,
    expr,
    legendFormat: legend,
    ...(kind === "heatmap" && { format: "heatmap" }),
    ...(kind === "stat" && { instant: true }),
  }));
  const stacked = kind === "stacked";
  const custom = {
    lineWidth: 1,
    fillOpacity: stacked ? 40 : 10,
    showPoints: "never",
    spanNulls: false,
    stacking: { mode: stacked ? "normal" : "none", group: "A" },
  };
  return {
    type: TYPES[kind],
    title,
    description: tells,
    datasource: DATASOURCE,
    targets,
    fieldConfig: { defaults: { unit, min: 0, ...(TYPES[kind] === "timeseries" && { custom }) }, overrides: [] },
    options: optionsOf(kind, unit),
  };
}

function optionsOf(kind: Panel["kind"], unit: string): object {
  if (kind === "stat") {
    return {
      reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
      graphMode: "area",
      textMode: "auto",
    };
  }
  if (kind === "heatmap") {
    return { calculate: false, yAxis: { unit }, color: { mode: "scheme", scheme: "Oranges", steps: 64 }, cellGap: 1 };
  }
  return {
    legend: { displayMode: "list", placement: "bottom", showLegend: true },
    tooltip: { mode: "multi", sort: "desc" },
  };
}

const BEGIN = "<!-- The panels: made by `npm run dashboard` -->";
const END = "<!-- End of the panels -->";
const LOOKS = { stat: "a number", lines: "lines", stacked: "stacked lines", heatmap: "heat map" } as const;

function withPanels(readme: string): string {
  const [before, rest] = readme.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`grafana/README.md has no '${BEGIN}' and '${END}'`);
  const text = rows.map(({ title, panels }) => {
    const lines = panels.map((panel) => `| ${panel.title} | ${LOOKS[panel.kind]}, ${panel.unit} | ${panel.tells} |`);
    return `### ${title}\n\n| panel | looks | tells |\n| --- | --- | --- |\n${lines.join("\n")}\n`;
  });
  return `${before}${BEGIN}\n\n${text.join("\n")}\n${END}${after}`;
}

if (import.meta.main) {
  const root = join(import.meta.dirname, "..");
  for (const [path, text] of dashboardFiles(root)) writeFileSync(join(root, path), text);
}
