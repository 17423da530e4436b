/** Durations in Go's syntax, as Corefiles write them: `300ms`, `1h30m`, `1.5h`, `-5s`, a bare `0`. In milliseconds. */

const MS_PER_UNIT: ReadonlyMap<string, number> = new Map([
  ["ns", 1e-6],
  ["us", 1e-3],
  ["µs", 1e-3], // U+00B5, the micro sign
  ["μs", 1e-3], // U+03BC, the Greek letter
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

/** Go counts nanoseconds in 64 bits: what does not fit, about 292 years, is no duration there. */
const MAX_DURATION_MS = 2 ** 63 / 1e6;

/** Milliseconds, or undefined for text that is no duration. */
export function parseDuration(text: string): number | undefined {
  const unsigned = /^[-+]/.test(text) ? text.slice(1) : text;
  if (unsigned === "0") return 0;
  let ms = 0;
  let end = 0;
  for (const part of unsigned.matchAll(/([0-9]+\.?[0-9]*|\.[0-9]+)([^0-9.]+)/gy)) {
    const unit = MS_PER_UNIT.get(part[2]!);
    if (unit === undefined) return undefined;
    ms += Number(part[1]) * unit;
    end = part.index + part[0].length;
  }
  if (end === 0 || end !== unsigned.length || ms >= MAX_DURATION_MS) return undefined;
  return text.startsWith("-") ? -ms : ms;
}

/** The shortest way to write it: `1h30m`, `2s`, `300ms`, `1.5ms`. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms === 0) return "0s";
  if (ms < 1000) return `${ms}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = (ms % 60_000) / 1000;
  return `${hours > 0 ? `${hours}h` : ""}${minutes > 0 ? `${minutes}m` : ""}${seconds > 0 ? `${seconds}s` : ""}`;
}

/** Why a text is no duration, in Go's words. */
export function durationProblem(text: string): string {
  const quoted = JSON.stringify(text);
  let rest = /^[-+]/.test(text) ? text.slice(1) : text;
  for (;;) {
    const number = /^(?:[0-9]+\.?[0-9]*|\.[0-9]+)/.exec(rest);
    if (number === null) return `time: invalid duration ${quoted}`;
    const [unit] = /^[^0-9.]*/.exec(rest.slice(number[0].length))!;
    if (unit === "") return `time: missing unit in duration ${quoted}`;
    if (!MS_PER_UNIT.has(unit)) return `time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`;
    rest = rest.slice(number[0].length + unit.length);
    // Everything reads well, so the number is too large.
    if (rest === "") return `time: invalid duration ${quoted}`;
  }
}
