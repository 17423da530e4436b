/** What profilers write, as stacks: the text of `perf script`, and V8's .cpuprofile. */
import type { Frame, Stack } from "./flame.ts";

/**
 * One sample is a line about its thread, its frames from the innermost on, and an empty line:
 *
 *   node-MainThread  4711
 *           7f01ab JS:*serve file:///.../dist/worker/engine.js:90:8 (/tmp/perf-4700.map)
 */
export function perfStacks(text: string): Stack[] {
  const counts = new Map<string, Stack>();
  for (const sample of text.split("\n\n")) {
    const [thread, ...lines] = sample.split("\n").filter((line) => line.trim() !== "");
    if (thread === undefined || lines.length === 0) continue;
    const frames = [threadFrame(thread.trim()), ...lines.map(perfFrame).reverse()];
    const key = frames.map(({ name, kind }) => `${kind} ${name}`).join("\n");
    const known = counts.get(key);
    if (known === undefined) counts.set(key, { frames, weight: 1 });
    else known.weight++;
  }
  return [...counts.values()];
}

function threadFrame(line: string): Frame {
  return { name: line.replace(/\s+\d+$/, ""), kind: "thread" };
}

function perfFrame(line: string): Frame {
  const [, symbol = "", object = ""] = /^\s*[0-9a-f]+\s+(.*) \((.*)\)$/.exec(line) ?? [];
  // V8 writes one character of its tier (interpreted, baseline, optimized) before the name.
  if (symbol.startsWith("JS:"))
    return { name: scriptName(symbol.slice(3).replace(/^[~^*+']/, "")), kind: "javascript" };
  if (object.startsWith("[kernel") || object.startsWith("[guest.kernel")) return { name: symbol, kind: "kernel" };
  const library = object.slice(object.lastIndexOf("/") + 1);
  const name = symbol === "[unknown]" ? `[${library}]` : symbol;
  return { name, kind: library.endsWith(".node") ? "addon" : "native" };
}

type CpuProfile = {
  nodes: {
    id: number;
    callFrame: { functionName: string; url: string; lineNumber: number };
    children?: number[];
  }[];
  startTime: number;
  samples: number[];
  timeDeltas: number[];
};

/** The samples between two instants of the monotonic clock in microseconds, on which the profile's times are too. */
export function cpuProfileStacks(profile: CpuProfile, thread: string, fromMicros: number, toMicros: number): Stack[] {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(profile.nodes.flatMap(({ id, children }) => (children ?? []).map((child) => [child, id])));
  const weights = new Map<number, number>();
  let at = profile.startTime;
  profile.samples.forEach((id, i) => {
    at += profile.timeDeltas[i]!;
    if (at >= fromMicros && at <= toMicros) weights.set(id, (weights.get(id) ?? 0) + profile.timeDeltas[i]!);
  });
  return [...weights].flatMap(([leaf, weight]) => {
    const frames: Frame[] = [];
    for (let id: number | undefined = leaf; id !== undefined; id = parents.get(id)) {
      const { functionName, url, lineNumber } = nodes.get(id)!.callFrame;
      if (functionName === "(root)") break;
      const isScript = url !== "" && !url.startsWith("node:");
      const name = `${functionName || "(anonymous)"} ${url}${url && `:${lineNumber + 1}`}`.trim();
      frames.unshift({ name: scriptName(name), kind: isScript ? "javascript" : "native" });
    }
    if (weight <= 0 || frames.length === 0 || frames.at(-1)!.name === "(idle)") return [];
    return { frames: [{ name: thread, kind: "thread" }, ...frames], weight };
  });
}

/** "serve file:///a/b/dist/worker/engine.js:90:8" without what all of them have in common. */
function scriptName(text: string): string {
  return text.replace(/(file:\/\/)?\/\S*\/(dist|node_modules)\//, "$2/");
}
