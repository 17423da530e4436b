import assert from "node:assert/strict";
import { test } from "node:test";
import { Board } from "../../src/upstream/board.ts";

test("board: two views of one memory", () => {
  const ours = new Board(3);
  const theirs = new Board(3, ours.buffer);
  assert.equal(ours.nextTurn(), 1);
  assert.equal(theirs.nextTurn(), 2);
  theirs.setFails(2, 7);
  assert.deepEqual(
    [0, 1, 2].map((upstream) => ours.fails(upstream)),
    [0, 0, 7],
  );
  ours.setCaseless(1, 100);
  assert.deepEqual(
    [99, 100].map((minute) => theirs.isCaseless(1, () => minute)),
    [true, false],
  );
  assert.equal(
    theirs.isCaseless(0, () => 99),
    false,
  );
});

test("board: a probe is wished for once until it is done", () => {
  const board = new Board(2);
  assert.equal(board.wantProbe(1), true);
  assert.equal(board.wantProbe(1), false);
  assert.equal(board.isProbeWanted(1), true);
  assert.equal(board.isProbeWanted(0), false);
  board.probeDone(1);
  assert.equal(board.wantProbe(1), true);
});

test("board: workers' counts are summed", () => {
  const board = new Board(1);
  board.setWaiting(0, 5);
  board.setWaiting(1, 7);
  board.setWaiting(3, 100);
  assert.equal(board.waiting(2), 12);
  board.setWaiting(1, 0);
  assert.equal(board.waiting(2), 5);
  assert.equal(board.fails(0), 0);
});
