/** Row L7: tokens and certificates are replaced on both sides, and nothing is started again. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import type { Access } from "../../../src/kubernetes/api/access.ts";
import { type ClientFiles, fromEndpoint, fromKubeconfig } from "../../../src/kubernetes/api/credentials.ts";
import { service } from "../../support/api-objects.ts";
import { Authority, type Certificate, hasOpenssl } from "../../support/certificates.ts";
import { start, until } from "./setup.ts";

/** What an operator may wait for the next change to arrive (row L7). */
const GAP_MS = 5_000;

describe("TLS", { skip: !hasOpenssl && "no openssl" }, () => {
  let [one, two]: Authority[] = [];
  let [serverOne, serverTwo, clientOne, clientTwo]: Certificate[] = [];
  before(() => {
    [one, two] = [new Authority("one"), new Authority("two")];
    [serverOne, serverTwo, clientOne, clientTwo] = [one, two, one, two].map((ca) => ca.sign("api")) as Certificate[];
  });
  after(() => {
    one?.remove();
    two?.remove();
  });

  test("a token that is replaced", async (t) => {
    const { write, files } = filesFor(t, { ca: one!.cert, token: "first" });
    const { api, equal, reflector } = await start(t, {
      ...{ tls: serverOne!, tokens: ["first"] },
      access: (server) => fromEndpoint(server.url, files),
    });
    await until(() => api.watches > 0, "a watch");
    write("token", "second");
    api.tokens!.clear();
    api.tokens!.add("second");
    api.endWatches();
    api.apply(EXTRA);
    const began = performance.now();
    await equal();
    assert.ok(performance.now() - began < GAP_MS);
    assert.deepEqual([reflector.lists, api.requests.at(-1)!.headers.authorization], [1, "Bearer second"]);
  });

  test("a token that is refused at first is read again before the back-off", async (t) => {
    const { write, files } = filesFor(t, { ca: one!.cert, token: "first" });
    const { api, reflector } = await start(t, {
      ...{ tls: serverOne!, tokens: ["second"], timing: { backoffFirstMs: 100 } },
      access: (server) => fromEndpoint(server.url, files),
    });
    await until(() => reflector.lastError !== undefined, "a refusal");
    assert.equal(reflector.lastError, "401: Unauthorized");
    assert.ok(api.requests.length >= 2, "asked twice at once");
    write("token", "second");
    await until(() => reflector.synced, "synced");
  });

  test("by the proxy that a kubeconfig names", async (t) => {
    const tunnels: string[] = [];
    const proxy = createServer().on("connect", ({ url }, socket) => {
      tunnels.push(url!);
      const upstream = connect(Number(url!.split(":")[1]), "127.0.0.1", () => socket.write("HTTP/1.1 200 OK\r\n\r\n"));
      socket.pipe(upstream).pipe(socket);
      for (const one of [socket, upstream]) one.on("error", () => one.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    t.after(() => proxy.close());
    const config = join(filesFor(t, {}).directory, "config");
    let access: Access | undefined;
    const { api, equal } = await start(t, {
      tls: serverOne!,
      prepare: async ({ url }) => {
        const cluster = {
          ...{ server: url, "proxy-url": `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` },
          "certificate-authority-data": btoa(one!.cert),
        };
        const contexts = [{ name: "one", context: { cluster: "one", user: "none" } }];
        writeFileSync(
          config,
          JSON.stringify({ clusters: [{ name: "one", cluster }], contexts, "current-context": "one" }),
        );
        access = await fromKubeconfig(config);
      },
      access: () => access!,
    });
    await equal();
    api.apply(EXTRA);
    await equal();
    assert.deepEqual([...new Set(tunnels)], [`127.0.0.1:${api.port}`]);
  });

  test("another authority and another server certificate", async (t) => {
    const { write, files } = filesFor(t, { ca: one!.cert });
    const { api, equal, logged } = await start(t, {
      tls: serverOne!,
      access: (server) => fromEndpoint(server.url, files),
    });
    await until(() => api.watches > 0, "a watch");
    api.setTls(serverTwo!);
    api.dropConnections();
    api.apply(EXTRA);
    await until(() => logged.some((line) => /certificate/.test(line)), "a failed handshake");
    write("ca", two!.cert);
    const began = performance.now();
    await equal();
    assert.ok(performance.now() - began < GAP_MS);
  });

  test("another client certificate", async (t) => {
    const { write, files } = filesFor(t, { ca: one!.cert, ...clientOne! });
    const mutual = (ca: Authority) => ({ ...serverOne!, ca: ca.cert, requestCert: true, rejectUnauthorized: true });
    const { api, equal } = await start(t, {
      tls: mutual(one!),
      access: (server) => fromEndpoint(server.url, files),
    });
    await until(() => api.watches > 0, "a watch");
    api.setTls(mutual(two!));
    write("cert", clientTwo!.cert);
    write("key", clientTwo!.key);
    api.dropConnections();
    api.apply(EXTRA);
    const began = performance.now();
    await equal();
    assert.ok(performance.now() - began < GAP_MS);
  });

  for (const { name, ca, why } of [
    { name: "is signed by somebody else", ca: () => two!.cert, why: /certificate/ },
    { name: "is checked by no authority that is named", ca: () => undefined, why: /certificate/ },
  ]) {
    test(`a server whose certificate ${name} is told nothing`, async (t) => {
      const { files } = filesFor(t, { ca: ca(), token: "secret" });
      const { api, reflector } = await start(t, {
        tls: serverOne!,
        access: (server) => fromEndpoint(server.url, files),
      });
      await until(() => reflector.lastError !== undefined, "a failure");
      assert.match(reflector.lastError!, why);
      assert.doesNotMatch(reflector.lastError!, /Node.js/);
      assert.deepEqual(api.requests, []);
    });
  }
});

const EXTRA = service("extra", "shop", ["10.9.9.9"]);

/** Files with these contents, gone after the test. */
function filesFor(t: TestContext, contents: { readonly [name in keyof ClientFiles]?: string | undefined }) {
  const directory = mkdtempSync(join(tmpdir(), "weftdns-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const files: Record<string, string> = {};
  const write = (name: keyof ClientFiles, content: string) => {
    files[name] = join(directory, name);
    writeFileSync(files[name], content);
  };
  for (const [name, content] of Object.entries(contents)) {
    if (content !== undefined) write(name as keyof ClientFiles, content);
  }
  return { write, files, directory };
}
