/**
 * errors: prints why queries failed.
 *
 * Whatever plugin behind this one gives up on a query says why, and that becomes a line:
 *
 *   [ERROR] plugin/errors: 2 example.org. A: read udp 192.0.2.53:53: i/o timeout
 *
 * The number is the rcode. With `consolidate`, errors that match a regular expression (RE2 syntax, anywhere in the text
 * behind the type) are counted from the first on, and printed as one line after a time:
 *
 *   [ERROR] plugin/errors: 3 errors like '.*timeout$' occurred in last 30s
 *
 * Of several `consolidate` lines the first that matches counts.
 *
 * Syntax    errors [stdout] {
 *             stacktrace                               the log has a stack when a plugin failed by a fault of its own
 *             consolidate DURATION REGEX [LEVEL] [show_first]
 *           }
 *           LEVEL       error, warning, info or debug; default error
 *           show_first  the first error is printed at once, and the summary only if more have followed
 * Metrics   none
 * Ready     at once
 * Example
 *   .:1053 {
 *     errors {
 *       consolidate 30s ".* i/o timeout$" warning
 *       consolidate 5m "no next plugin found$" error show_first
 *     }
 *     whoami
 *   }
 */
import type { Option } from "../corefile/directive.ts";
import { parseDuration } from "../corefile/duration.ts";
import { nameToText } from "../dns/name-text.ts";
import { typeName } from "../dns/types.ts";
import type { Control, ControlContext, ServeContext } from "../plugin/context.ts";
import { formatGoDuration } from "../plugin/go-duration.ts";
import type { LogLevel } from "../plugin/logger.ts";
import { after, type Handler, type Outcome } from "../plugin/outcome.ts";
import { definePlugin } from "../plugin/plugin.ts";
import type { Query } from "../plugin/query.ts";
import { compileRegex } from "../plugin/regex.ts";
import { MAX_TIMER_MS } from "../plugin/timer.ts";

interface ErrorsConfig {
  readonly rules: readonly ConsolidateConfig[];
}

interface ConsolidateConfig {
  readonly pattern: string;
  readonly periodMs: number;
  readonly level: LogLevel;
  readonly showFirst: boolean;
}

/** CoreDNS's limit, against patterns that take long to compile. */
const MAX_PATTERN_LENGTH = 10_000;
const LEVELS = new Map<string, LogLevel>([
  ["error", "ERROR"],
  ["warning", "WARNING"],
  ["info", "INFO"],
  ["debug", "DEBUG"],
]);

export const errors = definePlugin<ErrorsConfig>({
  name: "errors",
  parse: (directive, block) => {
    const stanza = directive.once();
    const rules: ConsolidateConfig[] = [];
    if (stanza.left > 0) {
      const target = stanza.token();
      if (target.text !== "stdout") stanza.fail(`invalid log file: ${target.text}`, target);
    }
    stanza.eachOption({
      stacktrace: () => {
        block.stacktrace = true;
      },
      consolidate: (line) => {
        rules.push(readRule(line));
      },
    });
    return { rules };
  },
  control,
  serve,
});

function readRule(line: Option): ConsolidateConfig {
  const period = line.token("a duration");
  const pattern = line.token("a regular expression");
  const ms = parseDuration(period.text) ?? line.fail(`time: invalid duration "${period.text}"`, period);
  const { length } = pattern.text;
  if (length > MAX_PATTERN_LENGTH) line.fail(`regex pattern too long: ${length} > ${MAX_PATTERN_LENGTH}`, pattern);
  try {
    compileRegex(pattern.text);
  } catch (error) {
    line.fail((error as Error).message, pattern);
  }
  let level: LogLevel | undefined;
  let showFirst = false;
  while (line.left > 0) {
    if (showFirst && !LEVELS.has(line.peek()!)) line.end();
    const token = line.token();
    const word = LEVELS.get(token.text);
    if (word === undefined && token.text !== "show_first")
      line.fail(`unknown option in consolidate: ${token.text}`, token);
    if (word === undefined) showFirst = true;
    else if (showFirst) line.fail("log level must come before show_first in consolidate", token);
    else if (level !== undefined) line.fail("multiple log levels specified in consolidate", token);
    else level = word;
  }
  return { pattern: pattern.text, periodMs: Math.min(ms, MAX_TIMER_MS), level: level ?? "ERROR", showFirst };
}

/** Counts how many errors fit each rule; all workers count in the same cells. */
async function control({ rules }: ErrorsConfig, { publish, onTold, log }: ControlContext): Promise<Control> {
  const counts = new Int32Array(new SharedArrayBuffer(rules.length * Int32Array.BYTES_PER_ELEMENT));
  const timers = new Set<NodeJS.Timeout>();
  publish(counts);
  onTold((told) => {
    const index = told as number;
    const timer = setTimeout(() => {
      timers.delete(timer);
      report(index);
    }, rules[index]!.periodMs);
    timers.add(timer);
  });

  function report(index: number): void {
    const { pattern, periodMs, level, showFirst } = rules[index]!;
    const count = Atomics.exchange(counts, index, 0);
    if (count <= (showFirst ? 1 : 0)) return;
    log.write(level, `${count} errors like '${pattern}' occurred in last ${formatGoDuration(periodMs)}`);
  }

  return {
    stop: () => {
      for (const timer of timers) clearTimeout(timer);
      rules.forEach((_rule, index) => {
        report(index);
      });
    },
  };
}

function serve({ rules }: ErrorsConfig, { next, log, onPublished, tell }: ServeContext): Handler {
  const regexes = rules.map(({ pattern }) => compileRegex(pattern));
  let counts = new Int32Array(rules.length);
  onPublished((shared: Int32Array<ArrayBuffer>) => {
    counts = shared;
  });

  function finish(outcome: Outcome, query: Query): Outcome {
    const { error } = query;
    if (error === "") return outcome;
    const index = regexes.findIndex((regex) => regex.test(error));
    const rule = rules[index];
    if (rule) {
      const isFirst = Atomics.add(counts, index, 1) === 0;
      // The supervisor ends the period: it lives longer than any worker.
      if (isFirst) tell(index);
      if (!isFirst || !rule.showFirst) return outcome;
    }
    const question = `${nameToText(query.name.bytes)} ${typeName(query.type)}`;
    log.write(rule?.level ?? "ERROR", `${Math.max(outcome, 0)} ${question}: ${error}`);
    return outcome;
  }

  return (query) => after(next(query), query, finish);
}
