/** Which server the environment's proxies lead to, as Go has it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromEndpoint } from "../../../src/kubernetes/api/credentials.ts";
import { environmentProxy } from "../../../src/kubernetes/api/proxy.ts";

const BOTH = { HTTPS_PROXY: "http://secure.test:3128", http_proxy: "plain.test:3128" };

for (const { server, env = {}, proxy } of [
  { server: "https://api.test", proxy: "http://secure.test:3128" },
  { server: "http://api.test", proxy: "http://plain.test:3128" },
  { server: "https://api.test", env: { HTTPS_PROXY: "", https_proxy: "socks5://x.test" }, proxy: "socks5://x.test" },
  { server: "http://api.test", env: { http_proxy: "" }, proxy: undefined },
  { server: "https://localhost:6443", proxy: undefined },
  { server: "https://127.1.2.3:6443", proxy: undefined },
  { server: "https://[::1]:6443", proxy: undefined },
  { server: "https://api.test", env: { NO_PROXY: "*" }, proxy: undefined },
  { server: "https://api.test", env: { no_proxy: "other.test, API.test" }, proxy: undefined },
  { server: "https://one.api.test", env: { NO_PROXY: "api.test" }, proxy: undefined },
  { server: "https://my-api.test", env: { NO_PROXY: "api.test" }, proxy: "http://secure.test:3128" },
  { server: "https://one.api.test", env: { NO_PROXY: ".api.test" }, proxy: undefined },
  { server: "https://one.api.test", env: { NO_PROXY: "*.api.test" }, proxy: undefined },
  { server: "https://api.test", env: { NO_PROXY: ".api.test" }, proxy: "http://secure.test:3128" },
  { server: "https://api.test", env: { NO_PROXY: "api.test:443" }, proxy: undefined },
  { server: "https://api.test:6443", env: { NO_PROXY: "api.test:443" }, proxy: "http://secure.test:3128" },
  { server: "https://10.96.0.1", env: { NO_PROXY: "10.0.0.0/8" }, proxy: undefined },
  { server: "https://11.96.0.1", env: { NO_PROXY: "10.0.0.0/8" }, proxy: "http://secure.test:3128" },
  { server: "https://10.96.0.1", env: { NO_PROXY: "10.96.0.1" }, proxy: undefined },
  { server: "https://[fd00::1]", env: { NO_PROXY: "fd00::/8" }, proxy: undefined },
  { server: "https://[fd00::1]:6443", env: { NO_PROXY: "[fd00::1]:6443" }, proxy: undefined },
  {
    server: "https://[fd00::1]",
    env: { NO_PROXY: "10.0.0.0/8,10.0.0.0/99,fd00::/" },
    proxy: "http://secure.test:3128",
  },
]) {
  test(`${server} with ${JSON.stringify(env)}`, () => {
    assert.equal(environmentProxy(new URL(server), { ...BOTH, ...env }), proxy);
  });
}

test("the API is reached by the proxy of the environment", () => {
  process.env.HTTPS_PROXY = "http://secure.test:3128";
  assert.equal(fromEndpoint("https://api.test").proxy, "http://secure.test:3128");
});
