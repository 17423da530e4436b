/** Rules as a worker runs them: what each does to a query, and what it leaves to be done to the reply. */
import type { Name } from "../../dns/name.ts";
import { nameToText } from "../../dns/name-text.ts";
import type { ServeContext } from "../../plugin/context.ts";
import { compileRegex } from "../../plugin/regex.ts";
import { type Asked, Result } from "./asked.ts";
import type { AnswerConfig, Match, NameRuleConfig, RuleConfig } from "./config.ts";
import { compileOptionRule } from "./option-rules.ts";
import {
  PrefixPattern,
  prepend,
  SubstringPattern,
  SubtreeMap,
  SuffixMap,
  SuffixPattern,
  SuffixReplacement,
  wireOf,
} from "./patterns.ts";
import type { Step } from "./steps.ts";
import { compileMetadataTemplate, compileTemplate, substitute, type Template } from "./template.ts";

export interface Rule {
  readonly continues: boolean;
  apply(asked: Asked): Result;
}

type Apply = Rule["apply"];

export function compileRule(rule: RuleConfig, context: ServeContext): Rule {
  return { continues: rule.continues, apply: compileField(rule, context) };
}

function compileField(rule: RuleConfig, context: ServeContext): Apply {
  switch (rule.field) {
    case "name":
      return compileName(rule, context);
    case "type":
    case "class": {
      const { field, from, to } = rule;
      return (asked) => {
        if (asked.query[field] !== from) return Result.MISSED;
        asked.query[field] = to;
        asked.questionChanged = true;
        return Result.MATCHED;
      };
    }
    case "ttl":
      return compileReplyRule(rule.match, { kind: "ttl", min: rule.min, max: rule.max });
    case "rcode":
      return compileReplyRule(rule.match, { kind: "rcode", from: rule.from, to: rule.to });
    case "cname": {
      // It depends on the reply alone, so it fits every query.
      const step: Step = { kind: "cname", rename: compileTargetRename(rule.match, rule.to) };
      return (asked) => {
        asked.undo.steps.push(step);
        return Result.MATCHED;
      };
    }
    case "edns0":
      return compileOptionRule(rule, context);
  }
}

function compileReplyRule(match: Match, step: Step): Apply {
  const fits = compileMatch(match);
  return (asked) => {
    if (!fits(asked)) return Result.MISSED;
    asked.undo.steps.push(step);
    return Result.MATCHED;
  };
}

function compileMatch({ kind, from }: Match): (asked: Asked) => boolean {
  switch (kind) {
    case "exact": {
      const isName = exactTest(from);
      return ({ query }) => isName(query.name);
    }
    case "prefix": {
      const pattern = new PrefixPattern(from);
      return ({ query }) => pattern.find(query.name) >= 0;
    }
    case "suffix": {
      const pattern = new SuffixPattern(from);
      return ({ query }) => pattern.find(query.name) >= 0;
    }
    case "substring": {
      const pattern = new SubstringPattern(from);
      return ({ query }) => pattern.fits(query.name);
    }
    case "regex": {
      const regex = compileRegex(from);
      return (asked) => regex.matcher(asked.text).find();
    }
  }
}

function exactTest(from: string): (name: Name) => boolean {
  const wire = wireOf(from);
  return wire === undefined ? () => false : (name) => name.suffixEquals(0, wire);
}

function compileName(rule: NameRuleConfig, context: ServeContext): Apply {
  const answers = rule.answers.map(compileAnswer);
  const { from } = rule.match;
  switch (rule.match.kind) {
    case "exact":
      return compileExact(rule, answers);
    case "suffix": {
      const pattern = new SuffixPattern(from);
      const replacement = new SuffixReplacement(rule.to);
      const map = new SuffixMap(rule.to, from);
      const steps: readonly Step[] = rule.auto ? [renameAll((name) => map.apply(name)), ...answers] : answers;
      return (asked) => {
        const { name } = asked.query;
        const label = pattern.find(name);
        if (label < 0) return Result.MISSED;
        const result = replacement.apply(name.bytes, name.offsets[label]!, pattern.partLength);
        if (result === undefined) return asked.refuse(replaceEnd(asked.text, from, rule.to));
        return asked.rename(result, steps);
      };
    }
    case "prefix": {
      const pattern = new PrefixPattern(from);
      const to = wireOf(rule.to);
      return (asked) => {
        const { name } = asked.query;
        const offset = pattern.find(name);
        if (offset < 0) return Result.MISSED;
        const result = prepend(to, name.bytes.subarray(0, name.length), offset);
        if (result === undefined) return asked.refuse(rule.to + asked.text.slice(from.length));
        return asked.rename(result, stepsOf(rule, answers, name, result));
      };
    }
    case "substring": {
      const pattern = new SubstringPattern(from);
      return (asked) => {
        const { name } = asked.query;
        if (!pattern.fits(name)) return Result.MISSED;
        const text = asked.text.replaceAll(from, () => rule.to);
        const result = wireOf(text);
        if (result === undefined) return asked.refuse(text);
        return asked.rename(result, stepsOf(rule, answers, name, result));
      };
    }
    case "regex": {
      const regex = compileRegex(from);
      const template = compileTo(rule, regex.groupCount());
      const metadata = (asked: Asked) => (label: string) => context.metadata(asked.query, label);
      return (asked) => {
        const text = substitute(regex, template, asked.text, rule.metadata ? metadata(asked) : undefined);
        if (text === undefined) return Result.MISSED;
        const result = wireOf(text);
        if (result === undefined) return asked.refuse(text);
        return asked.rename(result, stepsOf(rule, answers, asked.query.name, result));
      };
    }
  }
}

function compileExact(rule: NameRuleConfig, answers: readonly Step[]): Apply {
  const isName = exactTest(rule.match.from);
  const from = wireOf(rule.match.from);
  const to = wireOf(rule.to);
  const steps: Step[] = [];
  if (rule.auto && from !== undefined && to !== undefined) {
    const map = new SubtreeMap(to, from);
    steps.push(renameAll((name) => map.apply(name)));
  }
  steps.push(...answers);
  return (asked) => {
    if (!isName(asked.query.name)) return Result.MISSED;
    return to === undefined ? asked.refuse(rule.to) : asked.rename(to, steps);
  };
}

/** The steps of a rule that changes each name to one of its own. */
function stepsOf(rule: NameRuleConfig, answers: readonly Step[], name: Name, result: Uint8Array): readonly Step[] {
  if (!rule.auto) return answers;
  const map = new SubtreeMap(result, name.toWire());
  return [renameAll((owner) => map.apply(owner)), ...answers];
}

function renameAll(rename: (name: Uint8Array) => Uint8Array | undefined): Step {
  return { kind: "rename", owners: true, values: true, rename };
}

function compileAnswer({ what, pattern, to }: AnswerConfig): Step {
  const regex = compileRegex(pattern);
  const template = compileTemplate(to, regex.groupCount());
  const rename = (name: Uint8Array): Uint8Array | undefined => {
    const text = substitute(regex, template, nameToText(name));
    return text === undefined ? undefined : wireOf(text);
  };
  return { kind: "rename", owners: what === "name", values: what === "value", rename };
}

function compileTo({ to, metadata }: NameRuleConfig, groups: number): Template {
  if (!metadata) return compileTemplate(to, groups);
  const template = compileMetadataTemplate(to, groups);
  if (typeof template === "string") throw new Error(template);
  return template;
}

/** What becomes of an alias's target; undefined when the rule does not fit it. */
function compileTargetRename({ kind, from }: Match, to: string): (target: Uint8Array) => Uint8Array | undefined {
  const substituteText = compileTextRule(kind, from, to);
  return (target) => {
    const text = substituteText(nameToText(target).toLowerCase());
    return text === undefined ? undefined : wireOf(text);
  };
}

function compileTextRule(kind: Match["kind"], from: string, to: string): (text: string) => string | undefined {
  switch (kind) {
    case "exact":
      return (text) => (text === from ? to : undefined);
    case "prefix":
      return (text) => (text.startsWith(from) ? to + text.slice(from.length) : undefined);
    case "suffix":
      return (text) => (text.endsWith(from) ? replaceEnd(text, from, to) : undefined);
    case "substring":
      return (text) => (text.includes(from) ? text.replaceAll(from, () => to) : undefined);
    case "regex": {
      const regex = compileRegex(from);
      const template = compileTemplate(to, regex.groupCount());
      return (text) => substitute(regex, template, text);
    }
  }
}

function replaceEnd(text: string, from: string, to: string): string {
  return text.slice(0, text.length - from.length) + to;
}
