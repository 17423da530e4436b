/** The project's own files, for tests that hold for all of them. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

export const projectRoot: string = join(import.meta.dirname, "../..");

export interface SourceFile {
  /** From the project's root, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** All files below a directory of the project, sorted by path. */
export function filesBelow(directory: string, extension = ""): SourceFile[] {
  const entries = readdirSync(join(projectRoot, directory), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ path: relative(projectRoot, path), text: readFileSync(path, "utf8") }));
}

/** The files that belong to the project: what is under version control, or will be. Without git, none. */
export function trackedFiles(): SourceFile[] {
  const list = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], {
    cwd: projectRoot,
    encoding: "utf8",
  });
  const paths = list.split("\0").filter((path) => path !== "" && existsSync(join(projectRoot, path)));
  return paths.map((path) => ({ path, text: readFileSync(join(projectRoot, path), "utf8") }));
}

/** What a TypeScript file imports from this project, as paths from its root. */
export function importsOf({ path, text }: SourceFile): string[] {
  const specifiers = [...text.matchAll(/^(?:import|export)\s[^;]*?from\s+"(\.[^"]+)"|\bimport\(\s*"(\.[^"]+)"/gm)];
  return specifiers.map((match) => relative(projectRoot, join(projectRoot, path, "..", match[1] ?? match[2]!)));
}
