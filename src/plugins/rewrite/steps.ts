/** What rules do to a reply. */

import { wireLength } from "../../dns/name-text.ts";
import { findOption, optionData, removeLast, replaceOption } from "../../dns/options.ts";
import { offsetOfName } from "../../dns/rdata.ts";
import { INDEX_WORDS, Index, type Reply, Section, type SectionRecord } from "../../dns/reply.ts";
import { Type } from "../../dns/types.ts";
import { ANSWERED } from "../../plugin/outcome.ts";
import type { Lookup, Query } from "../../plugin/query.ts";
import { CLIENT_SUBNET } from "./config.ts";

export type Step =
  | { readonly kind: "ttl"; readonly min: number; readonly max: number }
  | { readonly kind: "rcode"; readonly from: number; readonly to: number }
  | {
      readonly kind: "rename";
      /** The names that records belong to, and those in the data of types that lead to other names. */
      readonly owners: boolean;
      readonly values: boolean;
      /** Undefined: the name stays. */
      rename(name: Uint8Array): Uint8Array | undefined;
    }
  | { readonly kind: "cname"; rename(target: Uint8Array): Uint8Array | undefined }
  /** The option of the query that a rule has changed had this data, or was not there. */
  | { readonly kind: "option"; readonly code: number; readonly data: Uint8Array | undefined };

/** How many look-ups one may lead to the other because of changed aliases, as in CoreDNS. */
const MAX_ROUNDS = 8;

/** Whether the step changes more of this reply than numbers. */
export function changesRecords(step: Step, reply: Reply): boolean {
  return step.kind === "rename" || (step.kind === "cname" && hasAlias(reply));
}

function hasAlias(reply: Reply): boolean {
  if (reply.counts[Section.ANSWER] === 0) return false;
  const count = reply.indexRecords();
  const { index } = reply;
  for (let i = 0; i < count; i++) if (index[i * INDEX_WORDS + Index.TYPE] === Type.CNAME) return true;
  return false;
}

/** Takes a step that changes numbers only. */
export function applyInPlace(step: Step, reply: Reply): void {
  if (step.kind === "ttl") {
    const count = reply.indexRecords();
    for (let i = 0; i < count; i++) {
      const offset = reply.index[i * INDEX_WORDS + Index.TTL]!;
      reply.setTtlAt(offset, clamp(reply.ttlAt(offset), step.min, step.max));
    }
  } else applyToHeader(step, reply);
}

function applyToHeader(step: Step, reply: Reply): void {
  if (step.kind === "rcode" && reply.rcode === step.from) reply.rcode = step.to;
  else if (step.kind === "option") reply.options = restoreOption(reply.options, step.code, step.data);
}

/**
 * What the reply's records are after `steps` from the one before number `before` to the first; a promise when another name
 * must be asked.
 */
export function applyToRecords(
  steps: readonly Step[],
  before: number,
  query: Query,
  records: readonly SectionRecord[],
): readonly SectionRecord[] | Promise<readonly SectionRecord[]> {
  for (let i = before - 1; i >= 0; i--) {
    const step = steps[i]!;
    if (step.kind === "ttl")
      records = records.map((record) => ({ ...record, ttl: clamp(record.ttl, step.min, step.max) }));
    else if (step.kind === "rename") records = records.map((record) => renameIn(record, step));
    else if (step.kind !== "cname") applyToHeader(step, query.reply);
    else {
      const chased = chase(step, query, records);
      if ("then" in chased) return chased.then((later) => applyToRecords(steps, i, query, later));
      records = chased;
    }
  }
  return records;
}

function clamp(ttl: number, min: number, max: number): number {
  return Math.max(min, Math.min(ttl, max));
}

function restoreOption(options: Uint8Array, code: number, data: Uint8Array | undefined): Uint8Array {
  if (data === undefined) return removeLast(options, code);
  const at = findOption(options, code);
  if (at < 0) return options;
  return replaceOption(options, at, code === CLIENT_SUBNET ? withScope(data, optionData(options, at)) : data);
}

/** RFC 7871 section 7.2.1: for which network the answer is good; 0 would say for all. */
function withScope(subnet: Uint8Array, answered: Uint8Array): Uint8Array {
  const scoped = subnet.slice();
  scoped[3] = Math.min(answered[3] ?? 0, subnet[2]!);
  return scoped;
}

function renameIn(record: SectionRecord, step: Step & { kind: "rename" }): SectionRecord {
  const name = step.owners ? (step.rename(record.name) ?? record.name) : record.name;
  const data = step.values ? renameValue(record, step.rename) : record.data;
  return name === record.name && data === record.data ? record : { ...record, name, data };
}

/** The name in the data of a record whose type leads to another name; of an SOA the first. */
function renameValue({ type, data }: SectionRecord, rename: (name: Uint8Array) => Uint8Array | undefined): Uint8Array {
  // The data of records that were read is well-formed.
  const at = data.length === 0 ? -1 : offsetOfName(type, data, 0, data.length);
  if (at < 0) return data;
  const end = at + wireLength(data, at);
  const name = rename(data.subarray(at, end));
  if (name === undefined) return data;
  const out = new Uint8Array(at + name.length + data.length - end);
  out.set(data.subarray(0, at));
  out.set(name, at);
  out.set(data.subarray(end), at + name.length);
  return out;
}

/**
 * The answer leads from the first alias that fits to another name: aliases before it stay, what follows is what this server
 * has to say about that name.
 */
function chase(
  step: Step & { kind: "cname" },
  query: Query,
  records: readonly SectionRecord[],
): readonly SectionRecord[] | Promise<readonly SectionRecord[]> {
  if (query.depth >= MAX_ROUNDS) return records;
  const answers = records.filter(({ section, type }) => section === Section.ANSWER && type === Type.CNAME);
  for (const [i, alias] of answers.entries()) {
    const target = alias.data.length === 0 ? undefined : step.rename(alias.data);
    if (target === undefined) continue;
    const head = [...answers.slice(0, i), { ...alias, data: target }];
    const rest = records.filter(({ section }) => section !== Section.ANSWER);
    const found = query.lookup(target, query.type);
    if ("then" in found) return found.then((later) => [...head, ...answersOf(later), ...rest]);
    return [...head, ...answersOf(found), ...rest];
  }
  return records;
}

function answersOf(found: Lookup): readonly SectionRecord[] {
  const records = found.outcome === ANSWERED ? found.reply.records() : [];
  found.release();
  return records.filter(({ section }) => section === Section.ANSWER);
}
