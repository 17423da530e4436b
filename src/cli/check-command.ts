/** `weftdns check`: reads the Corefile as a start would and shows every mistake in it. */
import { diskFiles } from "../corefile/files.ts";
import type { Mistake } from "../corefile/mistake.ts";
import { type ConfigurationSource, loadConfiguration } from "../supervisor/configuration.ts";
import { formatMistakes, wantsColour } from "./check.ts";
import { corefileReader } from "./corefile-source.ts";
import type { Settings } from "./flags.ts";

/** Gives the exit code: 0 when the Corefile is good. */
export async function check(settings: Settings): Promise<number> {
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
  if (loaded.warnings.length > 0) process.stderr.write(describeMistakes(loaded.warnings, source));
  process.stdout.write(`${source.file} is good: ${loaded.zoneLines.flat().join(", ")}\n`);
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
