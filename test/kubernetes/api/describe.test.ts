import assert from "node:assert/strict";
import { test } from "node:test";
import { describeReflector } from "../../../src/kubernetes/api/describe.ts";
import { NEVER_SECONDS, type Reflector } from "../../../src/kubernetes/api/reflector.ts";

for (const { lastError, trouble } of [
  { lastError: undefined, trouble: "" },
  { lastError: "403: pods is forbidden", trouble: ", last error: 403: pods is forbidden" },
  { lastError: "500: a\r\npods: synced\u001b[0m", trouble: ", last error: 500: a pods: synced [0m" },
]) {
  test(`what is said of a resource is one line: ${JSON.stringify(lastError)}`, () => {
    const reflector = { state: "starting", objects: 0, silentSeconds: NEVER_SECONDS, lastError } as Reflector;
    assert.equal(describeReflector("pods", reflector), `pods: starting, 0 objects, never heard of${trouble}`);
  });
}
