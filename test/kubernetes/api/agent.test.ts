/** Servers and proxies that are silent or that send us elsewhere. */
import assert from "node:assert/strict";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer as createTlsServer, type Server } from "node:https";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { after, before, describe, type TestContext, test } from "node:test";
import { openAgent } from "../../../src/kubernetes/api/agent.ts";
import { fromEndpoint } from "../../../src/kubernetes/api/credentials.ts";
import { Authority, hasOpenssl } from "../../support/certificates.ts";
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
    const server = new URL(scheme === "" ? `https://127.0.0.1:${port}` : "https://192.0.2.1");
    const proxy = scheme === "" ? undefined : `${scheme}://localhost:${port}`;
    const agent = openAgent({ server, proxy }, {}, 200);
    const began = performance.now();
    await assert.rejects(agent.request({ origin: server, path: "/", method: "GET" }), /Timeout/);
    assert.ok(performance.now() - began < 3_000);
    void agent.destroy();
  });
}

test("a redirection is followed, and the token is for the API alone", async (t) => {
  const seen: string[] = [];
  const listen = async (answer: RequestListener): Promise<string> => {
    const server = createHttpServer((request, response) => {
      seen.push(`${request.url} ${request.headers.authorization}`);
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const to =
    (location: string): RequestListener =>
    (_request, response) => {
      response.writeHead(307, { location });
      response.end();
    };
  const other = await listen((_request, response) => response.end("here"));
  const away = to(`${other}/away`);
  const api = await listen((request, response) => (request.url === "/one" ? to("/two") : away)(request, response));
  const agent = openAgent({ server: new URL(api), proxy: undefined }, {});
  t.after(() => void agent.destroy());
  const headers = { authorization: "Bearer secret" };
  const answer = await agent.request({ origin: api, path: "/one", method: "GET", headers });
  assert.equal(await answer.body.text(), "here");
  assert.deepEqual(seen, ["/one Bearer secret", "/two Bearer secret", "/away undefined"]);
});

describe("certificates", { skip: !hasOpenssl && "no openssl" }, () => {
  let authority: Authority;
  let server: Server;
  let url: URL;
  before(async () => {
    authority = new Authority("one");
    server = createTlsServer(authority.sign("api"), (_request, response) => response.end("here"));
    server.on("connect", ({ url: to }, socket) => {
      const upstream = connect(Number(to!.split(":")[1]), "127.0.0.1", () => socket.write("HTTP/1.1 200 OK\r\n\r\n"));
      socket.pipe(upstream).pipe(socket);
      for (const one of [socket, upstream]) one.on("error", () => one.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  after(() => {
    server.close();
    authority.remove();
  });

  test("a proxy by TLS may be named by its address", async (t) => {
    const agent = openAgent({ server: url, proxy: url.origin }, { ca: authority.cert });
    t.after(() => void agent.destroy());
    const answer = await agent.request({ origin: url, path: "/", method: "GET" });
    assert.equal(await answer.body.text(), "here");
  });
});
