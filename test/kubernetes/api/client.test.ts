import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { ApiClient, type ClientOptions, collectionPath } from "../../../src/kubernetes/api/client.ts";
import { fromEndpoint } from "../../../src/kubernetes/api/credentials.ts";
import { ListSplitter } from "../../../src/kubernetes/api/documents.ts";
import { ApiError } from "../../../src/kubernetes/api/status.ts";
import { ApiServer, type ApiServerOptions } from "../../support/api-server.ts";
import { services } from "./setup.ts";

const OPTIONS = { signal: new AbortController().signal, beginMs: 1_000, idleMs: 1_000 };

async function pair(t: TestContext, client: ClientOptions = {}, server: ApiServerOptions = {}, prefix = "") {
  const api = await ApiServer.start({ objects: services(5), ...server });
  const to = new ApiClient(fromEndpoint(`${api.url}${prefix}`), client);
  t.after(async () => {
    to.close();
    await api.close();
  });
  const list = async (path = "/api/v1/services") => {
    const names: string[] = [];
    const splitter = new ListSplitter((object) => names.push((object as { metadata: { name: string } }).metadata.name));
    await to.read(path, { limit: undefined, labelSelector: "app!=web-0" }, splitter, OPTIONS);
    return names;
  };
  return { api, list };
}

for (const { group, version, plural, namespace, path } of [
  { group: "", version: "v1", plural: "pods", namespace: undefined, path: "/api/v1/pods" },
  { group: "", version: "v1", plural: "pods", namespace: "a b", path: "/api/v1/namespaces/a%20b/pods" },
  { group: "g.test", version: "v2", plural: "things", namespace: "x", path: "/apis/g.test/v2/namespaces/x/things" },
]) {
  test(`the path of ${path}`, () => assert.equal(collectionPath(group, version, plural, namespace), path));
}

test("requests say who asks, and are counted as client-go counts them", async (t) => {
  const seen: string[] = [];
  const { api, list } = await pair(t, {
    hooks: {
      requested: (method, host, code, seconds) =>
        seen.push(`${method} ${host === "" ? "" : "host"} ${code} ${seconds > 0}`),
      limited: (method, _host, seconds) => seen.push(`limited ${method} ${seconds < 1}`),
    },
  });
  assert.deepEqual(await list(), ["web-1", "web-2", "web-3", "web-4"]);
  const { headers, query } = api.requests[0]!;
  assert.deepEqual([headers["user-agent"], headers.accept], ["weftdns", "application/json"]);
  assert.equal(query.has("limit"), false);
  api.fault({ status: 403, reason: "Forbidden" });
  await assert.rejects(list(), (error: ApiError) => error.code === 403 && error.reason === "Forbidden");
  await assert.rejects(list("/api/v1/nothing"), {
    code: 404,
    message: "the server could not find the requested resource",
  });
  api.fault({ hang: true });
  await assert.rejects(list(), /Headers Timeout/);
  const limited = "limited GET true";
  assert.deepEqual(
    seen,
    ["GET host 200 true", "GET host 403 true", "GET host 404 true", "GET host <error> true"].flatMap((one) => [
      limited,
      one,
    ]),
  );
});

test("a server behind a path", async (t) => {
  const { api, list } = await pair(t, {}, {}, "/clusters/one/");
  await assert.rejects(list(), { code: 404 });
  assert.equal(api.requests[0]!.path, "/clusters/one/api/v1/services");
});

test("an answer that breaks off anywhere is an error", async (t) => {
  const { api, list } = await pair(t);
  for (let cutAt = 0; cutAt < 600; cutAt += 37) {
    api.fault({ cutAt });
    await assert.rejects(list());
  }
  assert.equal((await list()).length, 4);
});

test("no more requests at a time than allowed", async (t) => {
  let [answered, most] = [0, 0];
  let seen = () => 0;
  const hooks = {
    limited: () => {},
    requested: () => {
      most = Math.max(most, seen() - answered);
      answered++;
    },
  };
  const { api, list } = await pair(t, { limits: { maxInFlight: 2 }, hooks });
  seen = () => api.requests.length;
  api.fault({ delayMs: 60, times: 6 });
  await Promise.all(Array.from({ length: 6 }, () => list()));
  assert.deepEqual([api.requests.length, answered, most], [6, 6, 2]);
});

for (const { name, status, code, header, expired, waitMs } of [
  { name: "a 410", status: { reason: "Expired" }, code: 410, header: undefined, expired: true, waitMs: 0 },
  { name: "Gone in words", status: { reason: "Gone" }, code: 400, header: undefined, expired: true, waitMs: 0 },
  {
    name: "a version in the future",
    status: { reason: "Timeout", details: { retryAfterSeconds: 1, causes: [{ reason: "ResourceVersionTooLarge" }] } },
    ...{ code: 504, header: undefined, expired: true, waitMs: 1_000 },
  },
  { name: "Retry-After", status: {}, code: 429, header: "7", expired: false, waitMs: 7_000 },
  { name: "a Retry-After of days", status: {}, code: 429, header: "999999", expired: false, waitMs: 300_000 },
  {
    name: "a Retry-After that is a date",
    status: {},
    code: 429,
    header: "Wed, 21 Oct 2015 07:28:00 GMT",
    expired: false,
    waitMs: 0,
  },
  {
    name: "details that are none",
    status: { details: { causes: [null, 7], retryAfterSeconds: "x" } },
    code: 500,
    header: undefined,
    expired: false,
    waitMs: 0,
  },
  { name: "no status at all", status: null, code: 502, header: undefined, expired: false, waitMs: 0 },
]) {
  test(`errors: ${name}`, () => {
    const error = new ApiError(status, code, header);
    assert.deepEqual([error.isExpired, error.retryAfterMs, error.code], [expired, waitMs, code]);
    assert.equal(error.message, `HTTP status ${code}`);
  });
}
