/** `npm run bench:micro -- [SUBJECT...] [--rounds 15] [--json FILE]`: nanoseconds of the pieces that a query's way is made of. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { percent, wideSpread } from "../load/lanes.ts";
import { describeMachine, writeText } from "../load/record.ts";
import { type Case, type Timing, time } from "./harness.ts";

const subjects: Record<string, () => Promise<Case[]>> = {
  parse: async () => (await import("./parse.ts")).cases(),
  cache: async () => (await import("./cache.ts")).cases(),
  chain: async () => (await import("./chain.ts")).cases(),
  encode: async () => (await import("./encode.ts")).cases(),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "15" },
    json: { type: "string" },
    /** Measures one subject in this process, and prints its timings as JSON. */
    only: { type: "string" },
  },
});

if (values.only !== undefined) {
  console.log(JSON.stringify(time(await subjects[values.only]!(), Number(values.rounds))));
} else {
  const chosen = positionals.length > 0 ? positionals : Object.keys(subjects);
  const timings: Record<string, Timing[]> = {};
  for (const subject of chosen) {
    if (!(subject in subjects)) throw new Error(`no subject ${subject}, expected ${Object.keys(subjects).join(", ")}`);
    timings[subject] = measure(subject);
    console.log(table(subject, timings[subject]));
  }
  if (values.json !== undefined)
    writeText(values.json, `${JSON.stringify({ ...describeMachine(), timings }, null, 1)}\n`);
}

function measure(subject: string): Timing[] {
  const flags = [...compilerFlags(), ...process.execArgv];
  const parameters = [...flags, import.meta.filename, "--only", subject, "--rounds", values.rounds];
  return JSON.parse(
    execFileSync(process.execPath, parameters, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }),
  );
}

/** What the server tells V8's compiler, so that it makes of these functions what it makes of them there. */
function compilerFlags(): string[] {
  const launcher = readFileSync(join(import.meta.dirname, "../../bin/weftdns"), "utf8");
  return [...new Set(launcher.match(/--max-inlined-[a-z-]+=\d+/g))];
}

function table(subject: string, timings: Timing[]): string {
  const width = Math.max(...timings.map(({ name }) => name.length));
  const lines = timings.map(({ name, nanoseconds, above, spread }) => {
    const start = `  ${name.padEnd(width)}  `;
    if (spread > wideSpread) return `${start}too noisy: spread ${percent(spread)}, repeat on a quiet machine`;
    const more = above === undefined ? "" : `${above.median.toFixed(0).padStart(8)} above`;
    return `${start}${nanoseconds.median.toFixed(0).padStart(7)} ns${more.padEnd(14)}  spread ${percent(spread)}`;
  });
  return [`\n${subject}`, ...lines].join("\n");
}
