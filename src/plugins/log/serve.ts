import { nameToText, zoneToWire } from "../../dns/name-text.ts";
import { className, rcodeName, typeName } from "../../dns/types.ts";
import type { ServeContext } from "../../plugin/context.ts";
import { after, type Handler, type Outcome } from "../../plugin/outcome.ts";
import { protocolOf, type Query } from "../../plugin/query.ts";
import { formatAddress, readPort } from "../../transport/packets.ts";
import { compileFormat, type Step } from "./format.ts";
import type { Class, LogConfig } from "./index.ts";
import { LogLine } from "./line.ts";
import { Seen } from "./seen.ts";

interface Rule {
  readonly name: Uint8Array;
  readonly steps: readonly Step[];
  /** Undefined: all. */
  readonly classes: ReadonlySet<Class> | undefined;
}

export function serve(config: LogConfig, { next, log, metadata }: ServeContext): Handler {
  const rules: Rule[] = [];
  let maxLength = 0;
  for (const { names, format, classes } of config.rules) {
    const compiled = compileFormat(format, metadata);
    maxLength = Math.max(maxLength, compiled.maxLength);
    const wanted = classes.includes("all") ? undefined : new Set(classes);
    for (const name of names) rules.push({ name: zoneToWire(name), steps: compiled.steps, classes: wanted });
  }
  const line = new LogLine(maxLength);
  const seen = new Seen();
  let current: Query | undefined;
  const fields = jsonFields(() => current!, seen);

  function finish(outcome: Outcome, query: Query): Outcome {
    const rule = findRule(rules, query);
    if (!rule) return outcome;
    seen.fill(query, outcome);
    if (rule.classes && !rule.classes.has(seen.class)) return outcome;
    line.length = 0;
    const { steps } = rule;
    for (let i = 0; i < steps.length; i++) steps[i]!(line, query, seen);
    current = query;
    log.write("INFO", line.bytes.toString("utf8", 0, line.length), fields, true);
    return outcome;
  }

  return (query) => after(next(query), query, finish);
}

function findRule(rules: readonly Rule[], { name }: Query): Rule | undefined {
  for (let i = 0; i < rules.length; i++) if (name.labelOf(rules[i]!.name) >= 0) return rules[i];
  return undefined;
}

/** What JSON lines have beside the text. Each field is read when such a line is printed, and only then. */
function jsonFields(query: () => Query, seen: Seen): Readonly<Record<string, unknown>> {
  return {
    get client_ip() {
      return formatAddress(query().peers, query().peerIndex);
    },
    get client_port() {
      return readPort(query().peers, query().peerIndex);
    },
    get qname() {
      return nameToText(query().name.bytes);
    },
    get qtype() {
      return typeName(query().type);
    },
    get qclass() {
      return className(query().class);
    },
    get protocol() {
      return protocolOf(query());
    },
    get id() {
      return query().id;
    },
    get opcode() {
      return query().opcode;
    },
    get request_size() {
      return seen.requestSize;
    },
    get dnssec_ok() {
      return query().dnssecOk;
    },
    get bufsize() {
      return query().bufsize;
    },
    get rcode() {
      return seen.answered ? rcodeName(seen.rcode) : null;
    },
    get response_size() {
      return seen.size;
    },
    get duration_seconds() {
      return seen.nanoseconds / 1e9;
    },
  };
}
