/**
 * npm run docs: writes docs/plugins, a page for each plugin from the comment at the head of its source, their index, and the
 * table of all metrics.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generatedPages } from "./generated-pages.ts";

const root = join(import.meta.dirname, "..");
const pages = generatedPages(root);
mkdirSync(join(root, "docs/plugins"), { recursive: true });
for (const [path, text] of pages) writeFileSync(join(root, path), text);
for (const file of readdirSync(join(root, "docs/plugins"))) {
  const path = `docs/plugins/${file}`;
  if (!pages.has(path)) rmSync(join(root, path));
}
process.stdout.write(`${pages.size} pages\n`);
