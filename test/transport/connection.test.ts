/** What connections gather before they send it. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { Connection } from "../../src/transport/connection.ts";

function connect(): [Connection, string[]] {
  const written: string[] = [];
  const socket = { remoteAddress: "192.0.2.1", writableLength: 0, write: (bytes: Buffer) => written.push(`${bytes}`) };
  return [new Connection(socket as unknown as Socket, false, 0), written];
}

test("what one connection gathers while it is read goes to nobody else", () => {
  const [[first, toFirst], [second, toSecond]] = [connect(), connect()];
  const send = (connection: Connection, text: string) => connection.send(Buffer.from(text), 0, text.length);
  first.reading = true;
  send(first, "one");
  assert.deepEqual([first.unsent, second.unsent], [5, 0]);
  send(second, "other");
  send(first, "two");
  send(first, "three");
  second.flush();
  first.reading = false;
  first.flush();
  assert.deepEqual(toFirst, ["\0\x03one", "\0\x03two\0\x05three"]);
  assert.deepEqual(toSecond, ["\0\x05other"]);
});
