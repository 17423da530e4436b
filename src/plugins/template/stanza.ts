/** One stanza as a worker runs it: whether a query is for it, and the records that it has for one. */
import { nameToText } from "../../dns/name-text.ts";
import { extendedError } from "../../dns/options.ts";
import type { ResourceRecord } from "../../dns/record.ts";
import { Class, Type } from "../../dns/types.ts";
import { ZoneFinder } from "../../dns/zone-finder.ts";
import { Expression } from "../../expression/expression.ts";
import type { Type as ValueType } from "../../expression/types.ts";
import type { Counter } from "../../memory/counters.ts";
import type { ServeContext } from "../../plugin/context.ts";
import type { Query } from "../../plugin/query.ts";
import { callQueryFunction } from "../../plugin/query-functions.ts";
import { compileRegex, type Regex } from "../../plugin/regex.ts";
import { Template } from "../../template/template.ts";
import { Failure, type Value } from "../../template/value.ts";
import { classText, dataOf, type Fit, type Match, typeText } from "./data.ts";
import { GROUP, scopeWith, TEMPLATE_FUNCTIONS } from "./environment.ts";
import { firstRecord } from "./first-record.ts";
import type { SectionName, StanzaConfig } from "./parse.ts";

export interface Records {
  readonly answer: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
}

export class CompiledStanza {
  readonly rcode: number;
  readonly extendedError: Uint8Array | undefined;
  readonly #class: number;
  readonly #type: number;
  readonly #zones: readonly string[];
  readonly #finder: ZoneFinder;
  readonly #fallthrough: ZoneFinder;
  readonly #regexes: readonly {
    readonly pattern: string;
    readonly regex: Regex | undefined;
    readonly names: readonly (readonly [name: string, group: number])[];
  }[];
  readonly #variables: readonly { readonly name: string; readonly expression: Expression }[];
  readonly #conditions: readonly Expression[];
  readonly #templates: Readonly<Record<SectionName, readonly Template[]>>;
  readonly #context: ServeContext;
  /** By their labels; made when first counted. */
  readonly #counters = new Map<string, Counter>();

  constructor(config: StanzaConfig, context: ServeContext) {
    this.rcode = config.rcode;
    this.extendedError = config.extendedError && extendedError(config.extendedError.code, config.extendedError.reason);
    this.#context = context;
    this.#class = config.class;
    this.#type = config.type;
    this.#zones = config.zones;
    this.#finder = new ZoneFinder(config.zones);
    this.#fallthrough = new ZoneFinder(config.fallthrough);
    this.#regexes = config.regexes.map((pattern) => {
      const regex = pattern === MATCHES_ALL ? undefined : compileRegex(pattern);
      return { pattern, regex, names: Object.entries(regex?.namedGroups() ?? {}) };
    });
    const types = new Map<string, ValueType>();
    this.#variables = config.variables.map(({ name, text }) => {
      const expression = compiled(Expression.compile(text, scopeWith(types)));
      types.set(name, expression.type);
      return { name, expression };
    });
    const scope = scopeWith(types);
    this.#conditions = config.conditions.map((text) => compiled(Expression.compile(text, scope)));
    const templates = (section: SectionName) =>
      config[section].map((text) => compiled(Template.parse(section, text, TEMPLATE_FUNCTIONS)));
    this.#templates = {
      answer: templates("answer"),
      additional: templates("additional"),
      authority: templates("authority"),
    };
  }

  /** The longest zone that the name is in, when class and type are the stanza's too. */
  zoneOf(query: Query): string | undefined {
    const { type, name } = query;
    if (this.#type !== Type.ANY && type !== Type.ANY && this.#type !== type) return undefined;
    if (this.#class !== Class.ANY && query.class !== Class.ANY && this.#class !== query.class) return undefined;
    const index = this.#finder.find(name);
    return index < 0 ? undefined : this.#zones[index];
  }

  fallsThrough(query: Query): boolean {
    return this.#fallthrough.has(query.name);
  }

  /** Undefined when the name or a condition does not fit; a Failure when nobody can say. */
  fit(query: Query): Fit | Failure | undefined {
    const match = this.#match(nameToText(query.name.bytes));
    if (match === undefined) return undefined;
    const variables = new Map<string, Value>();
    const { metadata } = this.#context;
    const environment = {
      call: (name: string, args: readonly Value[]): Value => {
        if (name === GROUP) return match.named.get(args[0] as string) ?? "";
        return callQueryFunction(query, name, args, metadata);
      },
      value: (name: string) => variables.get(name),
    };
    for (const { name, expression } of this.#variables) {
      const value = expression.evaluate(environment);
      if (value instanceof Failure) return value;
      variables.set(name, value);
    }
    for (const condition of this.#conditions) {
      const value = condition.evaluate(environment);
      if (value instanceof Failure) return value;
      if (value !== true) return undefined;
    }
    return { match, variables };
  }

  #match(name: string): Match | undefined {
    for (const { pattern, regex, names } of this.#regexes) {
      if (regex === undefined) return { regex: pattern, groups: [name], named: new Map([["0", name]]) };
      const matcher = regex.matcher(name);
      if (!matcher.find()) continue;
      const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, i) => matcher.group(i) ?? "");
      const named = new Map(groups.map((text, i) => [String(i), text]));
      for (const [group, index] of names) named.set(group, groups[index] ?? "");
      return { regex: pattern, groups, named };
    }
    return undefined;
  }

  /** What the templates make of the query; a Failure when one of them makes no record. */
  render(query: Query, zone: string, fit: Fit): Records | Failure {
    const data = dataOf(query, zone, this.#typeFor(query), fit, this.#context.metadata);
    const sections: Record<SectionName, ResourceRecord[]> = { answer: [], additional: [], authority: [] };
    for (const section of SECTION_ORDER) {
      for (const template of this.#templates[section]) {
        const text = template.run(data);
        if (text instanceof Failure) {
          this.#countFailure("template_template_failures_total", query, zone, section, template);
          return text;
        }
        const record = firstRecord(text);
        if (record instanceof Failure) {
          this.#countFailure("template_rr_failures_total", query, zone, section, template);
          return record;
        }
        sections[section].push(record);
      }
    }
    return sections;
  }

  countMatch(query: Query, zone: string): void {
    this.#count("template_matches_total", "Counter of template regex matches.", this.#labels(query, zone));
  }

  #countFailure(
    name: "template_template_failures_total" | "template_rr_failures_total",
    query: Query,
    zone: string,
    section: SectionName,
    template: Template,
  ): void {
    const help =
      name === "template_template_failures_total"
        ? "Counter of go template failures."
        : "Counter of mis-templated RRs.";
    this.#count(name, help, { ...this.#labels(query, zone), section, template: template.text });
  }

  #labels(query: Query, zone: string): Record<string, string> {
    return {
      server: this.#context.server,
      zone,
      view: "",
      class: classText(query.class),
      type: typeText(this.#typeFor(query)),
    };
  }

  /** The type that the templates and the metrics name. */
  #typeFor(query: Query): number {
    return this.#type === Type.ANY ? query.type : this.#type;
  }

  #count(name: string, help: string, labels: Record<string, string>): void {
    const key = `${name} ${labels.zone} ${labels.class} ${labels.type} ${labels.section ?? ""} ${labels.template ?? ""}`;
    let counter = this.#counters.get(key);
    if (counter === undefined) {
      counter = this.#context.counter(name, help, labels);
      this.#counters.set(key, counter);
    }
    counter.add(1);
  }
}

const MATCHES_ALL = ".*";
/** The order in which templates are run: the first that fails is the one that is reported. */
const SECTION_ORDER: readonly SectionName[] = ["answer", "additional", "authority"];

/** What `parse` has checked compiles here too. */
function compiled<Result>(result: Result | Failure): Result {
  if (result instanceof Failure) throw new Error(result.message);
  return result;
}
