/** `weftdns` and `weftdns example`: start the server, and keep to its signals until it ends (behaviour 2.11, 2.12). */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { systemMessage } from "../corefile/system-message.ts";
import { nativeError, unblockSignal } from "../native/index.ts";
import { configureLogging, flushLog, jsonLine, Logger, printLine } from "../plugin/logger.ts";
import type { ZoneLine } from "../supervisor/configuration.ts";
import { readGrant } from "../supervisor/granted-cpus.ts";
import { BadConfiguration, Supervisor } from "../supervisor/supervisor.ts";
import { corefileReader } from "./corefile-source.ts";
import { EXAMPLE_HINT, exampleReader } from "./example.ts";
import type { Settings } from "./flags.ts";
import { versionText } from "./version.ts";

export async function serve(settings: Settings, isExample: boolean): Promise<void> {
  try {
    const supervisor = new Supervisor(isExample ? exampleReader(settings) : corefileReader(settings));
    configureLogging({ format: settings.logFormat, debug: false });
    print(readGrant().line, settings);
    obeySignals(supervisor);
    if (!(await supervisor.start())) return;
    announce(supervisor, settings);
    // Node was started with --disable-sigusr1, as the signal would open its inspector until somebody listens: it blocks it.
    unblockSignal(constants.signals.SIGUSR1);
    if (isExample) printLine(EXAMPLE_HINT);
  } catch (error) {
    flushLog();
    process.stderr.write(`${startError(explain(error), settings)}\n`);
    process.exit(1);
  }
}

/** Scripts wait for a zone line or for the line that begins with `CoreDNS-`. */
function announce(supervisor: Supervisor, settings: Settings): void {
  const log = new Logger();
  if (nativeError !== undefined) log.warning(`Batched UDP is not available, serving with node:dgram: ${nativeError}`);
  if (!settings.quiet) for (const lines of supervisor.configuration.zoneLines) print(zoneText(lines), settings);
  writePid(settings, log);
  if (!settings.quiet) print(versionText().trimEnd(), settings);
}

function zoneText(lines: readonly ZoneLine[]): string {
  return lines.flatMap(({ warning, text }) => (warning === undefined ? [text] : [warning, text])).join("\n");
}

/** Who cannot be found by his file serves all the same. */
function writePid({ pidfile }: Settings, log: Logger): void {
  if (pidfile === undefined) return;
  try {
    writeFileSync(pidfile, `${process.pid}\n`);
    process.on("exit", () => removePid(pidfile));
  } catch (error) {
    log.error(`Could not write pidfile: open ${pidfile}: ${systemMessage(error)}`);
  }
}

/** Unless the next server has written its own by now. */
function removePid(pidfile: string): void {
  try {
    if (readFileSync(pidfile, "latin1") === `${process.pid}\n`) rmSync(pidfile);
  } catch {
    // Somebody else has removed it.
  }
}

/** What has no level in text: in JSON it is one object of level INFO, line ends within. */
function print(text: string, { logFormat }: Settings): void {
  if (logFormat === "json") new Logger().info(text);
  else for (const line of text.split("\n")) printLine(line);
}

function startError(text: string, { logFormat }: Settings): string {
  return logFormat === "json" ? jsonLine("FATAL", text) : text;
}

/** One line per mistake: the first as CoreDNS words it, all with their places. */
function explain(error: unknown): string {
  if (error instanceof BadConfiguration) return error.lines().join("\n");
  return error instanceof Error ? error.message : String(error);
}

const IGNORED = ["SIGHUP", "SIGALRM", "SIGVTALRM", "SIGIO", "SIGPWR", "SIGXCPU", "SIGPROF"] as const;

function obeySignals(supervisor: Supervisor): void {
  const log = new Logger();
  const seen = new Set<"SIGTERM" | "SIGINT">();
  const end = async (): Promise<void> => {
    await supervisor.stop();
    flushLog();
    process.exit(0);
  };
  process.on("SIGTERM", () => {
    if (seen.has("SIGTERM")) return;
    log.info("SIGTERM: Shutting down servers then terminating");
    if (seen.size === 0) void end();
    seen.add("SIGTERM");
  });
  process.on("SIGINT", () => {
    // Whoever interrupts a second time does not want to wait.
    if (seen.has("SIGINT")) {
      log.info("SIGINT: Force quit");
      flushLog();
      process.exit(2);
    }
    log.info("SIGINT: Shutting down");
    if (seen.size === 0) void end();
    seen.add("SIGINT");
  });
  process.on("SIGQUIT", () => {
    log.info("SIGQUIT: Quitting process immediately");
    flushLog();
    process.exit(0);
  });
  process.on("SIGUSR1", () => {
    log.info("SIGUSR1: Reloading");
    void supervisor.reload().then((failure) => {
      if (failure) log.error(`SIGUSR1: starting with listener file descriptors: ${failure.reason}`);
    });
  });
  process.on("SIGUSR2", () => {
    log.warning("SIGUSR2: Upgrading is not supported: start the new server, then end this one");
  });
  // By themselves these would end a process of Node, and do nothing to CoreDNS.
  for (const signal of IGNORED) process.on(signal, () => {});
  // A reader that goes away must not take the server with it.
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
}
