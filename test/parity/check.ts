/** Whether a reply is what a case expects of it. */
import assert from "node:assert/strict";
import { canonicalLine, canonicalQuestion, type DecodedReply, withAnyTtl } from "../support/wire.ts";
import type { Expectation, ExpectedOpt, ParityCase } from "./case.ts";

export function checkReply(reply: DecodedReply | undefined, one: ParityCase): void {
  const expected = one.reply;
  if (expected.noReply) {
    assert.equal(reply && summary(reply), undefined, "there must be no reply");
    return;
  }
  assert.ok(reply, "no reply has come");
  const seen = `in the reply\n${summary(reply)}`;
  if (expected.raw !== undefined) {
    assert.equal(reply.bytes.toString("hex", 2), expected.raw.replaceAll(/\s/g, "").toLowerCase(), seen);
    return;
  }
  const question = expected.question ?? (one.raw === undefined ? one.ask : undefined);
  if (question !== undefined) {
    assert.equal(reply.question, question === "none" ? question : canonicalQuestion(question), `question ${seen}`);
  }
  if (expected.rcode !== undefined) assert.equal(reply.rcode, expected.rcode, `rcode ${seen}`);
  if (expected.flags !== undefined) assert.equal(sortWords(reply.flags), sortWords(expected.flags), `flags ${seen}`);
  for (const section of ["answer", "authority", "additional"] as const) {
    const lines = expected[section];
    if (lines !== undefined) checkSection(section, lines, reply[section], expected, seen);
    const count = expected.counts?.[section];
    if (count !== undefined) assert.equal(reply[section].length, count, `records of ${section} ${seen}`);
  }
  if (expected.opt !== undefined) checkOpt(expected.opt, reply, seen);
  if (expected.maxSize !== undefined) assert.ok(reply.bytes.length <= expected.maxSize, `size ${seen}`);
}

function checkSection(
  section: string,
  expected: readonly string[],
  found: readonly string[],
  options: Expectation,
  seen: string,
): void {
  const wanted = expected.map(canonicalLine);
  // A line whose TTL does not matter takes the TTL out of the lines that it may fit.
  const anyTtl = new Set(wanted.filter((line) => line === withAnyTtl(line)));
  const lines = found.map((line) => (anyTtl.has(withAnyTtl(line)) ? withAnyTtl(line) : line));
  const inOrder = section === "answer" && options.ordered;
  assert.deepEqual(inOrder ? lines : lines.sort(), inOrder ? wanted : wanted.sort(), `${section} ${seen}`);
}

function checkOpt(expected: ExpectedOpt | "none", reply: DecodedReply, seen: string): void {
  if (expected === "none") {
    assert.equal(reply.opt, undefined, `OPT ${seen}`);
    return;
  }
  assert.ok(reply.opt, `no OPT ${seen}`);
  const { options, ...fields } = expected;
  for (const [field, value] of Object.entries(fields)) {
    assert.equal(reply.opt[field as keyof typeof fields], value, `OPT ${field} ${seen}`);
  }
  if (options !== undefined)
    assert.deepEqual([...reply.opt.options].sort(), [...options].sort(), `OPT options ${seen}`);
}

function summary(reply: DecodedReply): string {
  const opt = reply.opt ? `; OPT ${JSON.stringify(reply.opt)}` : "";
  return [
    `${reply.rcode}; ${reply.flags}; ${reply.question}; ${reply.bytes.length} bytes${opt}`,
    ...reply.answer.map((line) => `answer      ${line}`),
    ...reply.authority.map((line) => `authority   ${line}`),
    ...reply.additional.map((line) => `additional  ${line}`),
  ].join("\n");
}

function sortWords(text: string): string {
  return text.split(" ").sort().join(" ");
}
