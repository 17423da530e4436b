/** Who may wait. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WaitingRoom } from "../../src/memory/waiting-room.ts";

test("as many as there are places", () => {
  const room = new WaitingRoom(2);
  room.enter(50);
  assert.equal(room.hasRoom(50), true);
  room.enter(50);
  assert.equal(room.hasRoom(50), false);
  assert.equal(room.taken, 2);
  room.leave(50);
  assert.equal(room.hasRoom(50), true);
});

test("a long message takes several places", () => {
  const room = new WaitingRoom(4);
  room.enter(1_000);
  assert.equal(room.hasRoom(1_048), true);
  assert.equal(room.hasRoom(1_049), false);
  room.leave(1_000);
  assert.equal(room.hasRoom(1_049), true);
});
