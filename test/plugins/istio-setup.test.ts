/** The options of istio: good ones with their config, bad ones with their messages. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { istio } from "../../src/plugins/istio/index.ts";
import { parseBlock } from "../support/chain.ts";

const DEFAULTS = {
  ...{ zones: ["."], endpoint: undefined, tls: undefined, kubeconfig: undefined, namespace: "", endpoints: false },
  ...{ defaultAddresses: [], ttl: 30, fallthrough: [], startupTimeoutMs: 5_000 },
};
for (const { line = "istio", options, config, mistake } of [
  { options: "", config: {} },
  { line: "istio Svc.Global test.global", options: "", config: { zones: ["svc.global.", "test.global."] } },
  { options: "endpoint localhost:8080", config: { endpoint: "http://localhost:8080" } },
  { options: "tls /c /k /a", config: { tls: { cert: "/c", key: "/k", ca: "/a" } } },
  { options: "kubeconfig /f dev", config: { kubeconfig: { path: "/f", context: "dev" } } },
  { options: "namespace shop", config: { namespace: "shop" } },
  { options: "namespace @client", config: { namespace: "@client" } },
  {
    options: "namespace Shop_1",
    mistake: "3:11: plugin/istio: invalid namespace 'Shop_1', expected a namespace or @client",
  },
  { options: "endpoints", config: { endpoints: true } },
  { options: "default_address 192.0.2.1 ::1", config: { defaultAddresses: ["192.0.2.1", "::1"] } },
  {
    options: "default_address x",
    mistake: "3:17: plugin/istio: invalid default_address 'x', expected an IP address",
  },
  { options: "ttl 0", config: { ttl: 0 } },
  { options: "ttl 3601", mistake: "3:5: plugin/istio: invalid ttl '3601', expected an integer from 0 to 3600" },
  { options: "fallthrough", config: { fallthrough: ["."] } },
  { options: "fallthrough test.global", config: { fallthrough: ["test.global."] } },
  { options: "startup_timeout 1s", config: { startupTimeoutMs: 1_000 } },
  { options: "namespaces a", mistake: "3:1: plugin/istio: unknown property 'namespaces'" },
  {
    line: "istio\nistio",
    options: "",
    mistake: "3:1: plugin/istio: this plugin can only be used once per Server Block",
  },
]) {
  test(`${line} ${options}`, () => {
    const { elements, mistakes } = parseBlock([istio], `. {\n${line} {\n${options}\n}\n}`);
    if (mistake === undefined) assert.deepEqual(elements[0]?.config, { ...DEFAULTS, ...config });
    else assert.ok(mistakes.join("\n").includes(mistake), mistakes.join("\n"));
  });
}
