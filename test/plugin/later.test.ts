import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Later } from "../../src/plugin/later.ts";
import { after, type Outcome } from "../../src/plugin/outcome.ts";
import { Query } from "../../src/plugin/query.ts";
import { collectGarbage } from "../support/garbage.ts";

const query = new Query();
const plus =
  (seen: string[], name: string) =>
  (outcome: Outcome): Outcome => {
    seen.push(`${name} ${outcome}`);
    return outcome + 1;
  };

test("steps run from the inside out, in the call that brings the outcome", () => {
  const seen: string[] = [];
  const later = new Later(query);
  const outer = after(after(later, query, plus(seen, "inner")), query, plus(seen, "outer"));
  assert.equal(outer, later, "no object for each step");
  later.settle(5);
  assert.deepEqual(seen, ["inner 5", "outer 6"]);
});

test("whoever awaits it hears what the steps before him have made of it", async () => {
  const later = new Later(query);
  after(later, query, plus([], "inner"));
  const heard = later.then((outcome) => outcome);
  after(later, query, plus([], "outer"));
  later.settle(5);
  assert.equal(await heard, 6);
  assert.equal(await later, 7, "afterwards it says how it came out");
});

test("a step that has to wait holds up the ones behind it", async () => {
  const seen: string[] = [];
  const later = new Later(query);
  const inner = new Later(query);
  after(later, query, () => inner);
  after(later, query, () => Promise.resolve(8));
  after(later, query, plus(seen, "outer"));
  later.settle(5);
  inner.settle(7);
  assert.deepEqual(seen, []);
  assert.equal(await later, 9);
  assert.deepEqual(seen, ["outer 8"]);
});

test("what settles it may be a promise, of an outcome or an error", async () => {
  const good = new Later(query);
  good.settle(Promise.resolve(3));
  assert.equal(await good, 3);
  const bad = new Later(query);
  const heard = assert.rejects(
    bad.then(() => 0),
    /late/,
  );
  bad.settle(Promise.reject(new Error("late")));
  await heard;
});

test("an error passes steps by until one rescues it", async () => {
  const seen: string[] = [];
  const later = new Later(query);
  after(later, query, () => {
    throw new Error("inner");
  });
  after(later, query, plus(seen, "passed by"));
  after(later, query, plus(seen, "not wanted"), (error) => {
    seen.push((error as Error).message);
    return 2;
  });
  after(later, query, plus(seen, "outer"));
  later.settle(5);
  assert.deepEqual(seen, ["inner", "outer 2"]);
  assert.equal(await later, 3);
});

test("an error that nobody takes is thrown where the outcome came from, one that is awaited is not", async () => {
  const alone = new Later(query);
  assert.throws(() => alone.fail(new Error("alone")), /alone/);
  await assert.rejects(async () => alone, /alone/);
  const awaited = new Later(query);
  const heard = assert.rejects(
    awaited.then(() => 0),
    /heard/,
  );
  awaited.fail(new Error("heard"));
  await heard;
});

test("an error behind whoever awaits it is thrown all the same", async () => {
  const later = new Later(query);
  const heard = later.then((outcome) => outcome);
  after(later, query, () => {
    throw new Error("behind");
  });
  assert.throws(() => later.settle(1), /behind/);
  assert.equal(await heard, 1);
});

test("it has what promises have", async () => {
  const later = new Later(query);
  const ends: string[] = [];
  const ended = later.finally(() => ends.push("end"));
  const rescued = later.catch((error) => (error as Error).message);
  const heard = assert.rejects(ended, /bad/);
  later.fail(new Error("bad"));
  assert.equal(await rescued, "bad");
  await heard;
  assert.deepEqual(ends, ["end"]);
  assert.equal(String(later), "[object Later]");
});

test("steps of another query wait as for any promise", async () => {
  const seen: string[] = [];
  const later = new Later(query);
  const other = after(later, new Query(), plus(seen, "other"));
  assert.notEqual(other, later);
  later.settle(5);
  assert.deepEqual(seen, []);
  assert.equal(await other, 6);
});

test("lists of steps are used again, and are empty then", () => {
  const seen: string[] = [];
  for (const name of ["first", "second"]) {
    const later = new Later(query);
    after(later, query, plus(seen, name));
    later.settle(0);
  }
  new Later(query).settle(0);
  assert.deepEqual(seen, ["first 0", "second 0"]);
});

test("nothing holds a step that has run", async () => {
  const run = () => {
    const later = new Later(query);
    const step = plus([], "step");
    const rescue = () => 0;
    after(later, query, step, rescue);
    later.settle(0);
    return [new WeakRef(step), new WeakRef(rescue)];
  };
  const steps = run();
  await nextTurn();
  collectGarbage();
  assert.deepEqual(
    steps.map((step) => step.deref()),
    [undefined, undefined],
  );
});
