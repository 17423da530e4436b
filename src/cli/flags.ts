/**
 * The command line: CoreDNS's flags with the rules of Go's flag package (one dash or two, `-flag value` or
 * `-flag=value`, the first word without a dash ends the flags), and a command, which CoreDNS does not have. Only reads;
 * what it finds is done elsewhere.
 */

const COMMANDS = ["serve", "check", "example"] as const;
type Command = (typeof COMMANDS)[number];
/** The one with flags of its own: see `manifest-command.ts`. */
const MANIFEST = "manifest";

export interface Settings {
  /** The file of `-conf`; undefined when the flag is not given, "stdin" to read a pipe. */
  readonly conf: string | undefined;
  /** Undefined when the flag is not given; 0 lets the system choose. */
  readonly dnsPort: number | undefined;
  readonly logFormat: "text" | "json";
  readonly pidfile: string | undefined;
  readonly quiet: boolean;
}

/** Either something to run, or a text to print and an exit code. */
export type CommandLine =
  | { readonly action: "run"; readonly command: Command; readonly settings: Settings }
  | { readonly action: "version" | "plugins" }
  | { readonly action: typeof MANIFEST; readonly words: readonly string[] }
  | {
      readonly action: "print";
      readonly text: string;
      readonly stream: "stdout" | "stderr";
      readonly exitCode: 0 | 1 | 2;
    };

/** Reads the words behind the program's name. */
export function parseFlags(words: readonly string[]): CommandLine {
  let command: Command | undefined;
  const values = new Map<string, string>();
  let at = 0;
  for (; at < words.length; at++) {
    const word = words[at]!;
    if (word === MANIFEST && at === 0) return { action: MANIFEST, words: words.slice(1) };
    if (word.length < 2 || !word.startsWith("-")) {
      const named = command === undefined ? COMMANDS.find((name) => name === word) : undefined;
      if (named === undefined) break;
      command = named;
      continue;
    }
    if (word === "--") {
      at++;
      break;
    }
    const flag = word.slice(word.startsWith("--") ? 2 : 1);
    if (/^[-=]/.test(flag)) return badFlag(`bad flag syntax: ${word}`);
    const equals = flag.indexOf("=");
    const name = equals < 0 ? flag : flag.slice(0, equals);
    let value = equals < 0 ? undefined : flag.slice(equals + 1);
    if (name === "help" || name === "h") return { action: "print", text: usage(), stream: "stderr", exitCode: 0 };
    if (name === "windows-service") return badFlag(`-${name}: this server does not run as a Windows service`);
    if (!Object.hasOwn(FLAGS, name)) return badFlag(`flag provided but not defined: -${name}`);
    if (FLAGS[name]!.takes === undefined) {
      value ??= "true";
      if (!TRUE.has(value) && !FALSE.has(value)) {
        return badFlag(`invalid boolean value "${value}" for -${name}: parse error`);
      }
    } else if (value === undefined) {
      value = words[++at];
      if (value === undefined) return badFlag(`flag needs an argument: -${name}`);
    }
    values.set(name === "p" ? "dns.port" : name, value);
  }
  if (at < words.length) return refuse(`extra command line arguments: [${words.slice(at).join(" ")}]`);
  return understand(command ?? "serve", values);
}

function understand(command: Command, values: ReadonlyMap<string, string>): CommandLine {
  const logFormat = values.get("log-format") ?? "text";
  if (logFormat !== "text" && logFormat !== "json") {
    return refuse(`unknown log format "${logFormat}": expected text or json`);
  }
  if (isSet(values, "version")) return { action: "version" };
  if (isSet(values, "plugins")) return { action: "plugins" };
  const port = values.get("dns.port");
  if (port !== undefined && !(/^\+?[0-9]+$/.test(port) && Number(port) <= 65535)) {
    return refuse(`invalid value "${port}" for -dns.port, expected a port from 0 to 65535`);
  }
  const settings = {
    // An empty name counts as none, as in CoreDNS.
    conf: values.get("conf") || undefined,
    dnsPort: port === undefined ? undefined : Number(port),
    logFormat: logFormat as Settings["logFormat"],
    pidfile: values.get("pidfile") || undefined,
    quiet: isSet(values, "quiet"),
  };
  return { action: "run", command, settings };
}

interface Flag {
  /** The type of the flag's value as the usage names it; undefined for one that is only there or not. */
  readonly takes?: "string";
  readonly says: string;
}

const FLAGS: Readonly<Record<string, Flag>> = {
  conf: { takes: "string", says: 'Corefile to load (default "Corefile")' },
  "dns.port": { takes: "string", says: 'Default port (default "53")' },
  "log-format": { takes: "string", says: 'Log format (text or json) (default "text")' },
  p: { takes: "string", says: 'Default port (default "53")' },
  pidfile: { takes: "string", says: "Path to write pid file" },
  plugins: { says: "List installed plugins" },
  quiet: { says: "Quiet mode (no initialization output)" },
  version: { says: "Show version" },
};

const COMMAND_USES: Readonly<Record<Command | typeof MANIFEST, string>> = {
  serve: "Answer queries; what happens without a command",
  check: "Show every mistake in the Corefile and exit, with 1 if there is one, or no Corefile",
  example: "Serve a small example on port 1053",
  manifest: "Print what deploys the server in a cluster; see weftdns manifest -help",
};

/** What Go's ParseBool takes. */
const TRUE: ReadonlySet<string> = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const FALSE: ReadonlySet<string> = new Set(["0", "f", "F", "false", "FALSE", "False"]);

function isSet(values: ReadonlyMap<string, string>, name: string): boolean {
  return TRUE.has(values.get(name) ?? "false");
}

export function usage(): string {
  const flags = Object.entries(FLAGS).map(
    ([name, { takes, says }]) => `  -${name}${takes === undefined ? "" : ` ${takes}`}\n    \t${says}\n`,
  );
  const commands = Object.entries(COMMAND_USES).map(([name, says]) => `  ${name}\n    \t${says}\n`);
  return `Usage of weftdns:\n${flags.join("")}Commands:\n${commands.join("")}`;
}

function badFlag(message: string): CommandLine {
  return { action: "print", text: `${message}\n${usage()}`, stream: "stderr", exitCode: 2 };
}

function refuse(message: string): CommandLine {
  return { action: "print", text: `${message}\n`, stream: "stderr", exitCode: 1 };
}
