/** The programs in C that a benchmark needs: compiled into bench/build when they are missing or older than their sources. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";

export const benchDirectory = join(import.meta.dirname, "..");
export const buildDirectory = join(benchDirectory, "build");
const sourceDirectory = join(benchDirectory, "tools");

const programs = ["floor", "upstream", "load", "flood", "launch", "lines"] as const;

const compiler = process.env.CC ?? "cc";

export function tool(name: (typeof programs)[number]): string {
  return join(buildDirectory, name);
}

export function buildTools(): void {
  mkdirSync(buildDirectory, { recursive: true });
  const headers = readdirSync(sourceDirectory).filter((file) => file.endsWith(".h"));
  for (const program of programs) {
    const sources = [`${program}.c`, ...headers].map((file) => join(sourceDirectory, file));
    if (modified(tool(program)) > Math.max(...sources.map(modified))) continue;
    const flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-pthread"];
    // Two tests may build at once, and each runs what it finds then: so a program is there whole, or not at all.
    const unfinished = `${tool(program)}.${process.pid}`;
    execFileSync(compiler, [...flags, "-o", unfinished, sources[0]!, "-lm"], { stdio: "inherit" });
    renameSync(unfinished, tool(program));
  }
}

function modified(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
