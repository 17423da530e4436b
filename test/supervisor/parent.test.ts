/** What a process finds of the one before it, in the words of sd_listen_fds(3). test/parent has it with a real parent. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Logger } from "../../src/plugin/logger.ts";
import { Parent } from "../../src/supervisor/parent.ts";
import { skipNative } from "../transport/udp-support.ts";

const id = "udp 2001:db8::1%eth0 53";
const handedOn = {
  LISTEN_PID: String(process.pid),
  LISTEN_FDS: "3",
  LISTEN_FDNAMES: `http:weftdns-1-${encodeURIComponent(id)}:weftdns-0-${encodeURIComponent(id)}`,
};

test("sockets are known by their names, in whichever order they come, and taken once", () => {
  const parent = new Parent(handedOn);
  assert.deepEqual(parent.take(id, 2), [5, 4]);
  assert.equal(parent.take(id, 2), undefined);
});

for (const { says, environment } of [
  { says: "another process", environment: { ...handedOn, LISTEN_PID: "1" } },
  { says: "nobody", environment: {} },
])
  test(`what is meant for ${says} is left alone`, () => {
    const parent = new Parent(environment);
    assert.equal(parent.take(id, 2), undefined);
    parent.closeRest();
    assert.deepEqual([parent.restarts, parent.diedOf], [0, undefined]);
  });

test("the parent says how often the server died, and of what", () => {
  const { restarts, diedOf } = new Parent({ WEFTDNS_RESTARTS: "2", WEFTDNS_DIED_OF: "signal 11 (Segmentation fault)" });
  assert.deepEqual([restarts, diedOf], [2, "signal 11 (Segmentation fault)"]);
});

test("a parent that has gone is spoken of once", { skip: skipNative }, () => {
  const warning = mock.method(Logger.prototype, "warning", () => {});
  const parent = new Parent({ NOTIFY_SOCKET: "@weftdns-test-nobody" });
  parent.stopping();
  parent.forget(id, 2);
  warning.mock.restore();
  assert.deepEqual(
    warning.mock.calls.map((call) => call.arguments),
    [["NOTIFY_SOCKET @weftdns-test-nobody does not take STOPPING=1: ECONNREFUSED"]],
  );
});
