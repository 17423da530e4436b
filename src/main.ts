/** The process's entry: reads the command line and starts the command that it names. */
import { parseFlags } from "./cli/flags.ts";

const line = parseFlags(process.argv.slice(2));
if (line.action === "print") {
  process[line.stream].write(line.text);
  process.exitCode = line.exitCode;
} else if (line.action === "manifest") {
  const { manifest } = await import("./cli/manifest-command.ts");
  process.exitCode = manifest(line.words);
} else if (line.action !== "run") {
  const { pluginsText, versionText } = await import("./cli/version.ts");
  process.stdout.write(line.action === "version" ? versionText() : pluginsText());
} else if (line.command === "check") {
  const { check } = await import("./cli/check-command.ts");
  process.exitCode = await check(line.settings);
} else {
  const { serve } = await import("./cli/serve.ts");
  await serve(line.settings, line.command === "example");
}
