/** `weftdns check`: reads the Corefile as a start would and shows every mistake in it. */
import { existsSync } from "node:fs";
import { diskFiles } from "../corefile/files.ts";
import type { Mistake } from "../corefile/mistake.ts";
import { type ConfigurationSource, loadConfiguration } from "../supervisor/configuration.ts";
import { formatMistakes, wantsColour } from "./check.ts";
import { corefileReader } from "./corefile-source.ts";
import type { Settings } from "./flags.ts";

/** Gives the exit code: 0 when the Corefile is good. */
export async function check(settings: Settings): Promise<number> {
  // A start serves the default then, but whoever wants to know about a file has gone to the wrong directory.
  if (settings.conf === undefined && !existsSync("Corefile")) {
    process.stderr.write(
      `there is no Corefile in ${process.cwd()}: a start would serve the default, .:53 with whoami and log\n`,
    );
    return 1;
  }
  let source: ConfigurationSource;
  try {
    source = corefileReader(settings)();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return 1;
  }
  const loaded = await loadConfiguration(source, 0);
  if (Array.isArray(loaded)) {
    process.stderr.write(describeMistakes(loaded, source));
    return 1;
  }
  const warnings = [...loaded.warnings, ...loaded.unusualZones];
  if (warnings.length > 0) process.stderr.write(describeMistakes(warnings, source));
  const zones = loaded.zoneLines.flat().map(({ text }) => text);
  process.stdout.write(`${source.file} is good: ${zones.join(", ")}\n`);
  return 0;
}

/** Mistakes with their lines; imported files are read again for that. */
function describeMistakes(mistakes: readonly Mistake[], source: ConfigurationSource): string {
  const sources = new Map([[source.file, source.text]]);
  for (const { file } of mistakes) if (!sources.has(file)) sources.set(file, readOrNothing(file));
  return formatMistakes(mistakes, sources, { colour: wantsColour(process.stderr.isTTY, process.env) });
}

function readOrNothing(file: string): string {
  try {
    return diskFiles.readFile(file);
  } catch {
    return "";
  }
}
