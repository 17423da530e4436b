/** HTTP sites over reloads: who keeps the listener, who gets a request, what happens when an address is taken. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect, createServer, type Server, type Socket } from "node:net";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { respond } from "../../src/plugin/respond.ts";
import { HttpSites, Site } from "../../src/supervisor/http.ts";
import { Authority, type Certificate, hasOpenssl } from "../support/certificates.ts";
import { freePorts } from "../support/server.ts";

let refused = 0;
const sites = new HttpSites({
  add: (amount) => {
    refused += amount;
  },
});
after(() => sites.stop());

function site(address: string, text: string, failed?: (reason: string) => void): Site {
  const one = new Site(address);
  one.add("/text", (_request, response) => void response.end(text), failed === undefined ? {} : { failed });
  return one;
}

function plan(...wanted: readonly Site[]): Map<string, Site> {
  return new Map(wanted.map((one) => [one.address, one]));
}

async function get(address: string, path = "/text"): Promise<string> {
  const response = await fetch(`http://${address}${path}`).catch(() => undefined);
  return response === undefined ? "refused" : `${response.status} ${await response.text()}`;
}

/** All that comes back, head and body. */
async function raw(port: number, request: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(`${request}\r\nHost: x\r\nConnection: close\r\n\r\n`);
  let text = "";
  for await (const part of socket) text += part;
  return text;
}

async function occupied(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return server;
}

test("whoever wants a tunnel is refused", async () => {
  const [port] = await freePorts(1);
  const one = site(`127.0.0.1:${port}`, "text");
  await sites.replace(plan(one));
  assert.match(await raw(port!, "CONNECT example.org:443 HTTP/1.1"), /^HTTP\/1\.1 404 Not Found\r\n/);
  await sites.replace(plan());
});

test("a site stays open over a reload and is handed over; connections go on", async () => {
  const [port] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  await sites.replace(plan(site(address, "first")));
  assert.equal(await get(address), "200 first");
  assert.equal(await get(address, "/other"), "404 404 page not found\n");
  const socket = connect(port!, "127.0.0.1");
  await new Promise((resolve) => socket.once("connect", resolve));
  await sites.replace(plan(site(address, "second")));
  socket.write("GET /text?query HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  let text = "";
  for await (const part of socket) text += part;
  assert.match(text, /\r\n\r\nsecond$/);
  await sites.replace(plan());
  assert.equal(await get(address), "refused");
});

for (const { request, head, body } of [
  { request: "GET /whole HTTP/1.1", head: "Content-Length: 2", body: "OK" },
  { request: "GET /whole HTTP/1.0", head: "Content-Length: 2", body: "OK" },
  { request: "GET /%77hole HTTP/1.1", head: "Content-Length: 2", body: "OK" },
  { request: "GET /%zz HTTP/1.1", head: "Content-Length: 19", body: "404 page not found\n" },
  { request: "HEAD /whole HTTP/1.1", head: "Content-Length: 2", body: "" },
  { request: "GET /other HTTP/1.1", head: "Content-Length: 19", body: "404 page not found\n" },
  { request: "GET /parts HTTP/1.1", head: "Transfer-Encoding: chunked", body: "2\r\nab\r\n0\r\n\r\n" },
  { request: "GET http://x/whole HTTP/1.1", head: "Content-Length: 2", body: "OK" },
  { request: "GET HTTPS://x:1/whole?a=/b HTTP/1.1", head: "Content-Length: 2", body: "OK" },
  { request: "GET http://x HTTP/1.1", head: "Content-Length: 4", body: "root" },
  { request: "GET http://x?/whole HTTP/1.1", head: "Content-Length: 4", body: "root" },
  { request: "GET ftp://x/whole HTTP/1.1", head: "Content-Length: 19", body: "404 page not found\n" },
]) {
  test(`${request}: ${head}`, async () => {
    const [port] = await freePorts(1);
    const one = new Site(`127.0.0.1:${port}`);
    one.add("/", (_request, response) => void response.end("root"), {});
    one.add("/whole", (_request, response) => respond(response, 200, { "X-One": "1" }, "OK"), {});
    one.add(
      "/parts",
      (_request, response) => {
        response.writeHead(200, { "X-One": "1" }).write("a");
        response.end("b");
      },
      {},
    );
    await sites.replace(plan(one));
    const [headers, ...rest] = (await raw(port!, request)).split("\r\n\r\n");
    assert.equal(rest.join("\r\n\r\n"), body);
    const lines = headers!.split("\r\n");
    const framing = lines.filter((line) => /^(content-length|transfer-encoding):/i.test(line));
    assert.deepEqual(framing, [head]);
    if (body === "OK") assert.ok(lines.includes("X-One: 1"));
  });
}

test("an answer may take longer to make than a client may take for it", async () => {
  const [port] = await freePorts(1);
  const one = new Site(`127.0.0.1:${port}`);
  const body = Buffer.alloc(20_000_000, "a");
  const ends: Promise<boolean>[] = [];
  const handle = async (_request: IncomingMessage, response: ServerResponse): Promise<void> => {
    ends.push(once(response, "close").then(() => response.writableFinished));
    await sleep(5_500);
    respond(response, 200, {}, body);
  };
  one.add("/text", (request, response) => void handle(request, response), {});
  await sites.replace(plan(one));
  const silent = connect(port!, "127.0.0.1").pause();
  silent.write("GET /text HTTP/1.1\r\nHost: x\r\n\r\n");
  assert.equal((await get(one.address)).length, body.length + "200 ".length);
  assert.deepEqual((await Promise.all(ends)).sort(), [false, true]);
  silent.destroy();
  await sites.replace(plan());
});

for (const [count, isAnswered] of [
  [16, true],
  [17, false],
] as const) {
  test(`${count} requests at once on one connection are ${isAnswered ? "answered" : "too many"}`, async () => {
    const [port] = (await freePorts(1)) as [number];
    const one = new Site(`127.0.0.1:${port}`);
    one.add("/text", (_request, response) => void setImmediate(() => response.end("text")), {});
    await sites.replace(plan(one));
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    socket.write(`${"GET /text HTTP/1.1\r\nHost: x\r\n\r\n".repeat(count - 1)}GET /text HTTP/1.0\r\n\r\n`);
    let text = "";
    socket.on("data", (part) => {
      text += part;
    });
    await once(socket, "close");
    assert.equal(text.split("200 OK").length - 1, isAnswered ? count : 0);
    await sites.replace(plan());
  });
}

/** Plain, or with this certificate. */
async function crowd(count: number, port: number, tls?: Certificate): Promise<Socket[]> {
  const options = { port, host: "127.0.0.1" };
  const sockets: Socket[] = Array.from({ length: count }, () =>
    tls === undefined ? connect(options) : connectTls({ ...options, ca: tls.cert, rejectUnauthorized: false }),
  );
  for (const socket of sockets) socket.on("error", () => {});
  await Promise.all(sockets.map((socket) => once(socket, tls === undefined ? "connect" : "secureConnect")));
  return sockets;
}

for (const kind of ["plain", "TLS"]) {
  test(`${kind}: where there is no room, who asked least lately makes some, unless all wait for an answer`, {
    skip: kind === "TLS" && !hasOpenssl && "openssl is not installed",
    timeout: 30_000,
  }, async () => {
    const [port] = (await freePorts(1)) as [number];
    const one = new Site(`127.0.0.1:${port}`);
    const authority = kind === "TLS" ? new Authority("test") : undefined;
    const tls = authority?.sign("server");
    const waiting: ServerResponse[] = [];
    one.add("/text", (_request, response) => void response.end("text"), tls === undefined ? {} : { tls: () => tls });
    one.add("/wait", (_request, response) => void waiting.push(response), {});
    await sites.replace(plan(one));
    const ask = async (socket: Socket) => {
      socket.write("GET /text HTTP/1.1\r\nHost: x\r\n\r\n");
      return String(await Promise.race([once(socket, "data"), once(socket, "close").then(() => "closed")]));
    };
    refused = 0;
    const first = await crowd(100, port, tls);
    for (const socket of first) assert.match(await ask(socket), /^HTTP\/1\.1 200 OK/);
    // The eldest is not the one that asked least lately.
    assert.match(await ask(first[0]!), /^HTTP\/1\.1 200 OK/);
    const ended = Promise.all([1, 2].map((i) => once(first[i]!, "close")));
    const later = await crowd(2, port, tls);
    for (const socket of later) assert.match(await ask(socket), /^HTTP\/1\.1 200 OK/);
    await ended;
    assert.deepEqual(
      first.flatMap((socket, i) => (socket.destroyed ? [i] : [])),
      [1, 2],
    );
    assert.equal(refused, 0);

    const all = [...first, ...later].filter((socket) => !socket.destroyed);
    for (const socket of all) socket.write("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    while (waiting.length < all.length) await sleep(5);
    const tooMany = connect(port, "127.0.0.1")
      .on("error", () => {})
      .resume();
    await once(tooMany, "close");
    assert.equal(refused, 1);
    waiting[50]!.end("at last");
    const answered = await Promise.race(all.map((socket) => once(socket, "data").then(() => socket)));
    const gone = once(answered, "close");
    const [last] = (await crowd(1, port, tls)) as [Socket];
    assert.match(await ask(last), /^HTTP\/1\.1 200 OK/);
    assert.equal(refused, 1);
    await gone;
    for (const socket of [...all, last]) socket.destroy();
    await sites.replace(plan());
    authority?.remove();
  });
}

test("the last path closes the listener, unless a later configuration has taken it", async () => {
  const [port] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const one = new Site(address);
  const first = one.add("/text", (_request, response) => void response.end("old"), {});
  const shadowing = one.add("/text", (_request, response) => void response.end("new"), {});
  await sites.replace(plan(one));
  assert.equal(await get(address), "200 new");
  await shadowing.close();
  assert.equal(await get(address), "200 old");
  await sites.replace(plan(site(address, "later")));
  await first.close();
  assert.equal(await get(address), "200 later");
  const last = new Site(address);
  const only = last.add("/text", (_request, response) => void response.end(), {});
  await sites.replace(plan(last));
  await only.close();
  assert.equal(await get(address), "refused");
});

test("an address that is taken: whoever needs it hears why", async () => {
  const [port, free] = await freePorts(2);
  const other = await occupied(port!);
  const address = `127.0.0.1:${port}`;
  const reason = `listen tcp ${address}: bind: address already in use`;
  await assert.rejects(sites.replace(plan(site(address, ""))), { message: reason });
  const reasons: string[] = [];
  await sites.replace(
    plan(
      site(address, "", (text) => reasons.push(text)),
      site(`127.0.0.1:${free}`, "here"),
    ),
  );
  assert.deepEqual(reasons, [reason]);
  assert.equal(await get(`127.0.0.1:${free}`), "200 here");
  other.close();
  await sites.replace(plan(site(address, "now")));
  assert.equal(await get(address), "200 now");
});

test("addresses may overlap, within a configuration and over a reload", async () => {
  const [port] = await freePorts(1);
  await sites.replace(plan(site(`:${port}`, "all")));
  await sites.replace(plan(site(`:${port}`, "all"), site(`127.0.0.1:${port}`, "one")));
  assert.equal(await get(`[::1]:${port}`), "200 all");
  await sites.replace(plan(site(`127.0.0.1:${port}`, "one")));
  assert.equal(await get(`127.0.0.1:${port}`), "200 one");
  assert.equal(await get(`[::1]:${port}`), "refused");
});

for (const [address, reason] of [
  ["192.0.2.1:9153", "listen tcp 192.0.2.1:9153: bind: cannot assign requested address"],
  ["nobody.invalid:9153", "listen tcp: lookup nobody.invalid: no such host"],
  ["127.0.0.1:99999", "listen tcp: address 99999: invalid port"],
] as const) {
  test(`${address} cannot be listened on`, async () => {
    await assert.rejects(sites.replace(plan(site(address, ""))), { message: reason });
  });
}
