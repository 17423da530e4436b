/** What the documentation refers to is there: pages and headings, a section for each alert. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { filesBelow, projectRoot } from "../house/sources.ts";

const pages = ["README.md", "bench/README.md", ...filesBelow("docs", ".md").map(({ path }) => path)];
const read = (path: string) => readFileSync(join(projectRoot, path), "utf8");

/** As GitHub makes them: lower case, blanks become hyphens, other signs go. */
function anchorsOf(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map((match) => match[1]!);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

test("links lead to pages and headings that exist", () => {
  const broken: string[] = [];
  let seen = 0;
  for (const page of pages) {
    for (const [, target = ""] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      seen++;
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? page : normalize(join(dirname(page), path));
      const exists = existsSync(join(projectRoot, file));
      if (!exists || (anchor !== undefined && !anchorsOf(read(file)).includes(anchor)))
        broken.push(`${page}: ${target}`);
    }
  }
  assert.ok(seen > 80, `${seen} links are found`);
  assert.deepEqual(broken, []);
});

test("every page of docs is reached from README", () => {
  const reached = new Set(["README.md"]);
  for (const page of reached) {
    if (!page.endsWith(".md")) continue;
    for (const [, target = ""] of read(page).matchAll(/\]\(([^)\s#]+)/g)) {
      const file = normalize(join(dirname(page), target));
      if (!/^[a-z]+:/.test(target) && file.endsWith(".md") && existsSync(join(projectRoot, file))) reached.add(file);
    }
  }
  assert.deepEqual(
    pages.filter((page) => !reached.has(page)),
    [],
  );
});

test("every alert of the rule files has a section that says what to do, with its name", () => {
  const sections = read("docs/operations.md").split(/^### /m).slice(1);
  const written = new Map(sections.map((section) => [section.split("\n")[0]!.trim(), section] as const));
  assert.ok((written.get("CoreDNSDown")?.length ?? 0) > 100, "sections are found");
  const rules = ["grafana", "deploy"]
    .filter((directory) => existsSync(join(projectRoot, directory)))
    .flatMap((directory) =>
      readdirSync(join(projectRoot, directory), { recursive: true, encoding: "utf8" }).map(
        (path) => `${directory}/${path}`,
      ),
    )
    .filter((path) => /\.(ya?ml|json)$/.test(path));
  const alerts = rules.flatMap((path) =>
    [...read(path).matchAll(/^[\s-]*"?alert"?:\s*"?(\w+)/gm)].map((match) => match[1]!),
  );
  assert.deepEqual(
    [...new Set(alerts)].filter((alert) => (written.get(alert)?.length ?? 0) < 100),
    [],
  );
});
