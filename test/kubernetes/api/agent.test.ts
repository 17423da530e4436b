/** Servers and proxies that take connections and then say nothing. */
import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { openAgent } from "../../../src/kubernetes/api/agent.ts";
import { fromEndpoint } from "../../../src/kubernetes/api/credentials.ts";
import { type SettingOptions, start } from "./setup.ts";

/** The port of a listener that never answers, and its connections. */
async function silence(t: TestContext): Promise<{ port: number; connected: Promise<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer();
  const connected = new Promise<Socket>((resolve) => {
    server.on("connection", (socket) => {
      sockets.add(socket.on("error", () => {}));
      resolve(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, connected };
}

const KINDS = ["", "http", "https", "socks5"];

for (const scheme of KINDS) {
  test(`a silent ${scheme || "server"}${scheme && " proxy"} does not hold up the end`, async (t) => {
    const { port, connected } = await silence(t);
    const access: SettingOptions["access"] = () => ({
      ...fromEndpoint(scheme === "" ? `https://127.0.0.1:${port}` : "https://192.0.2.1"),
      ...{ proxy: scheme === "" ? undefined : `${scheme}://localhost:${port}` },
      credentials: async () => ({ headers: {}, tls: {} }),
      refresh: () => {},
    });
    const { reflector, client } = await start(t, { access });
    await connected;
    const began = performance.now();
    await reflector.stop();
    await client.close();
    assert.ok(performance.now() - began < 1_000);
  });

  test(`a silent ${scheme || "server"}${scheme && " proxy"} is waited for no longer than the others`, async (t) => {
    const { port } = await silence(t);
    const agent = scheme === "" ? openAgent({}, undefined, 200) : openAgent({}, `${scheme}://localhost:${port}`, 200);
    const origin = scheme === "" ? `https://127.0.0.1:${port}` : "https://192.0.2.1";
    const began = performance.now();
    await assert.rejects(agent.request({ origin, path: "/", method: "GET" }), /Timeout/);
    assert.ok(performance.now() - began < 3_000);
    void agent.destroy();
  });
}
