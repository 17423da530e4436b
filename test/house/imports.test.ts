/** Who may know whom: each group of `src` imports only from the groups to its left. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { filesBelow, importsOf } from "./sources.ts";

const GROUPS: readonly string[] = [
  ...["dns", "native", "corefile", "memory", "transport", "zone", "kubernetes", "upstream"],
  ...["template", "expression", "plugin", "plugins", "worker", "supervisor", "cli", "main.ts"],
];

/** The same plugin under its name of the first years. */
const ALIASES: Readonly<Record<string, string>> = { proxy: "forward" };

const sources = filesBelow("src", ".ts");

/** The first part of a path below `src`. */
function groupOf(path: string): string {
  return path.split("/")[1]!;
}

test("every file of src is in a known group", () => {
  assert.ok(sources.length > 50, "the sources are where they are looked for");
  assert.deepEqual(
    sources.map(({ path }) => path).filter((path) => !GROUPS.includes(groupOf(path))),
    [],
  );
});

test("groups import only what stands to their left", () => {
  const wrong: string[] = [];
  let seen = 0;
  for (const source of sources) {
    for (const target of importsOf(source)) {
      seen++;
      const [from, to] = [groupOf(source.path), groupOf(target)];
      if (from !== to && GROUPS.indexOf(to) >= GROUPS.indexOf(from)) wrong.push(`${source.path} imports ${target}`);
    }
  }
  assert.ok(seen > 100, "imports are found");
  assert.deepEqual(wrong, []);
});

test("plugins stay strangers to each other", () => {
  const pluginOf = (path: string) => path.split("/")[2]!.replace(/\.ts$/, "");
  const wrong = sources
    .filter(({ path }) => groupOf(path) === "plugins" && path !== "src/plugins/index.ts")
    .flatMap((source) => importsOf(source).map((target) => ({ path: source.path, target })))
    .filter(
      ({ path, target }) =>
        groupOf(target) === "plugins" && ![pluginOf(path), ALIASES[pluginOf(path)]].includes(pluginOf(target)),
    );
  assert.deepEqual(wrong, []);
});
