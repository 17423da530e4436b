/**
 * Log lines, from any thread to standard output, in CoreDNS's two formats (behaviour 2.11). Lines are gathered during a
 * batch of queries and written together, without ever waiting for the reader: when its pipe is full, lines are lost and
 * counted, answers are not.
 */
import { writeSync } from "node:fs";
import { native } from "../native/index.ts";

export type LogFormat = "text" | "json";
export type LogLevel = "DEBUG" | "INFO" | "WARNING" | "ERROR" | "FATAL";
/** CoreDNS's JSON lines say WARN where its text lines say WARNING. */
const JSON_LEVEL: Record<LogLevel, string> = {
  DEBUG: "DEBUG",
  INFO: "INFO",
  WARNING: "WARN",
  ERROR: "ERROR",
  FATAL: "FATAL",
};

/** What is gathered before it is written; a line that does not fit any more is lost. */
const BUFFER_SIZE = 256 * 1024;
/** From here on a batch writes before it ends. */
const WRITE_AT = 32 * 1024;
/** Writes of up to this size to a pipe are not mixed with those of others (POSIX: PIPE_BUF is at least 512, on Linux 4096). */
const ATOMIC_WRITE = 4_096;
const STANDARD_OUTPUT = 1;
/** How long lines may wait for a reader that is slow, in milliseconds, before the next attempt. */
const RETRY_MS = 20;

const buffer = Buffer.alloc(BUFFER_SIZE);
let used = 0;
let scheduled = false;
let format: LogFormat = "text";
let debugEnabled = false;
let lost = 0;

/** Sets what holds for all loggers of this thread. */
export function configureLogging(options: { format: LogFormat; debug: boolean }): void {
  format = options.format;
  debugEnabled = options.debug;
}

export class Logger {
  readonly #plugin: string;

  /** `plugin` is the name in `plugin/NAME: `; without one, lines belong to the server itself. */
  constructor(plugin = "") {
    this.#plugin = plugin;
  }

  debug(text: string): void {
    this.write("DEBUG", text);
  }

  info(text: string): void {
    this.write("INFO", text);
  }

  warning(text: string): void {
    this.write("WARNING", text);
  }

  error(text: string): void {
    this.write("ERROR", text);
  }

  /** `fields` are added to the object in JSON lines. `bare` leaves out `plugin/NAME: ` in text lines (the query log). */
  write(level: LogLevel, text: string, fields?: Readonly<Record<string, unknown>>, bare = false): void {
    if (level === "DEBUG" && !debugEnabled) return;
    if (format === "json") {
      const plugin = this.#plugin === "" ? {} : { plugin: this.#plugin };
      printLine(jsonLine(level, text, { ...plugin, ...fields }));
    } else {
      const prefix = this.#plugin === "" || bare ? "" : `plugin/${this.#plugin}: `;
      printLine(`[${level}] ${prefix}${escapeControls(text)}`);
    }
  }
}

export function jsonLine(level: LogLevel, text: string, fields?: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ time: timestamp(), level: JSON_LEVEL[level], msg: text, ...fields });
}

/** Prints one line as it is: zone lines, banner. */
export function printLine(line: string): void {
  // A character takes at most three bytes in UTF-8 (four for two units).
  if (used + line.length * 3 + 1 > BUFFER_SIZE) {
    lost++;
    return;
  }
  used += buffer.write(line, used, "utf8");
  buffer[used++] = 0x0a;
  if (used >= WRITE_AT) flushLog();
  else if (!scheduled) schedule(setImmediate);
}

/** Writes what is gathered, as far as the reader takes it now. */
export function flushLog(): void {
  let from = 0;
  while (from < used) {
    const to = lineEnd(from);
    const written = writeSome(from, to - from);
    if (written <= 0) break;
    from += written;
  }
  buffer.copyWithin(0, from, used);
  used -= from;
  if (lost > 0 && used < WRITE_AT) reportLoss();
  if (used > 0 && !scheduled) schedule((retry) => setTimeout(retry, RETRY_MS).unref());
}

/** The reader is back: it is told what it has missed. */
function reportLoss(): void {
  const count = lost;
  lost = 0;
  new Logger().warning(`${count} log lines were lost: their reader was too slow`);
}

function schedule(later: (run: () => void) => unknown): void {
  scheduled = true;
  later(() => {
    scheduled = false;
    flushLog();
  });
}

/** The end of the last whole line within one atomic write; of the first line, when that is longer. */
function lineEnd(from: number): number {
  if (used - from <= ATOMIC_WRITE) return used;
  const last = buffer.lastIndexOf(0x0a, from + ATOMIC_WRITE - 1);
  return last >= from ? last + 1 : Math.min(buffer.indexOf(0x0a, from) + 1, used);
}

function writeSome(offset: number, length: number): number {
  if (native) return native.writeNow(STANDARD_OUTPUT, buffer, offset, length);
  try {
    return writeSync(STANDARD_OUTPUT, buffer, offset, length);
  } catch {
    return -1;
  }
}

/** Lines must stay lines, and a terminal must not obey them: control characters are shown as Go's %q shows them. */
function escapeControls(text: string): string {
  let escaped = "";
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code >= 0x20 && code !== 0x7f) || code === TAB) continue;
    escaped += `${text.slice(from, i)}\\x${code.toString(16).padStart(2, "0")}`;
    from = i + 1;
  }
  return escaped + text.slice(from);
}
const TAB = 0x09;

/** RFC 3339 with nanoseconds, as far as the clock goes. */
function timestamp(): string {
  return new Date(performance.timeOrigin + performance.now()).toISOString();
}
