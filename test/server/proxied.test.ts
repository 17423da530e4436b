/** proxyproto in a whole server: where replies go, whom limits and cookies mean, and what a proxy may hold back. */
import assert from "node:assert/strict";
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { scrape } from "../../bench/load/metrics.ts";
import { Fakeup, framed } from "../support/fakeup.ts";
import { binaryHeader } from "../support/proxy-header.ts";
import { TestServer } from "../support/server.ts";
import { decodeReply, encodeQuestion } from "../support/wire.ts";

async function start(
  t: TestContext,
  corefile: string,
  placeholders: Readonly<Record<string, string>> = {},
): Promise<TestServer> {
  const server = await TestServer.start({ corefile, placeholders });
  t.after(async () => assert.equal(await server.stop(), 0));
  return server;
}

/** A header that says that 192.0.2.LAST asks. */
function headerOf(last: number, family: "11" | "12" = "12"): string {
  return binaryHeader({ family, rest: `c00002${last.toString(16).padStart(2, "0")} c0000235 1092 0035` });
}

/** One port of a proxy. */
async function openPort(t: TestContext): Promise<UdpSocket> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  t.after(() => socket.close());
  await once(socket, "listening");
  return socket;
}

/** The client's address as `whoami` tells it. */
async function askFrom(socket: UdpSocket, port: number, header = ""): Promise<string> {
  socket.send(
    Buffer.concat([Buffer.from(header, "hex"), encodeQuestion({ ask: "example.org. A" })]),
    port,
    "127.0.0.1",
  );
  const [reply] = (await once(socket, "message", { signal: AbortSignal.timeout(5_000) })) as [Buffer];
  return decodeReply(reply).additional[0]!.split(" ").at(-1)!;
}

for (const over of ["udp", "tcp"] as const) {
  test(`an answer that had to be waited for goes back to the proxy: ${over}`, async (t) => {
    const upstream = await Fakeup.start();
    t.after(() => upstream.stop());
    const corefile = `.:{PORT} {
      log . "{remote} {port}"
      proxyproto
      forward . {UP}
    }`;
    const server = await start(t, corefile, { UP: `${upstream.address}:${upstream.port}` });
    const header = headerOf(7, over === "udp" ? "12" : "11");
    for (let i = 0; i < 20; i++) {
      const reply = await server.ask({ ask: `n${i}.example.org. A`, over, header });
      assert.equal(reply?.rcode, "NOERROR");
    }
    assert.ok(await server.line(/^\[INFO\] 192\.0\.2\.7 4242$/));
  });
}

test("a session of a port holds in every worker, and its header may come alone", async (t) => {
  const server = await start(
    t,
    `.:{PORT} {
    multisocket 2
    prometheus 127.0.0.1:{PORT2}
    proxyproto {
      udp_session_tracking 1m
    }
    whoami
  }`,
  );
  const socket = await openPort(t);
  assert.equal(await askFrom(socket, server.port), "127.0.0.1");
  const alone = Buffer.from(headerOf(7), "hex");
  await new Promise((resolve) => socket.send(alone, server.port, "127.0.0.1", resolve));
  // Which worker takes a datagram is drawn, so another one may be quicker with the first that follows.
  while ((await askFrom(socket, server.port)) === "127.0.0.1");
  for (let i = 0; i < 30; i++) assert.equal(await askFrom(socket, server.port), "192.0.2.7");
  assert.equal(await askFrom(socket, server.port, headerOf(8)), "192.0.2.8");
  for (let i = 0; i < 30; i++) assert.equal(await askFrom(socket, server.port), "192.0.2.8");
  assert.equal(await askFrom(await openPort(t), server.port), "127.0.0.1");
  const { text = "" } = await scrape(server.port2);
  assert.match(text, /^weftdns_proxyproto_headers_total\{server="dns:\/\/:\d+",version="2"\} 2$/m);
  assert.doesNotMatch(text, /^weftdns_drops_total\{reason="not_a_query".* [1-9]/m);
});

test("what is not answered for its header is counted, and shown in the log once a second at most", async (t) => {
  const server = await start(
    t,
    `.:{PORT} {
      prometheus 127.0.0.1:{PORT2}
      proxyproto {
        allow 127.0.0.2/32
        default reject
      }
      whoami
    }`,
  );
  const asks = { ask: "example.org. A", header: headerOf(7) } as const;
  assert.equal((await server.ask({ ...asks, from: "127.0.0.2" }))?.rcode, "NOERROR");
  for (let i = 0; i < 3; i++) assert.equal(await server.ask(asks, 100), undefined);
  assert.equal(await server.ask({ ...asks, header: headerOf(7, "11"), over: "tcp" }, 2_000), undefined);
  const { text = "" } = await scrape(server.port2);
  assert.match(text, /^weftdns_drops_total\{reason="proxy_header",stage="server"\} 4$/m);
  const lines = server.lines.filter((line) => line.includes("dropping invalid Proxy Protocol packet from 127.0.0.1:"));
  assert.ok(lines.length >= 1 && lines.length <= 3, lines.join("\n"));
});

test("I4: a cookie is the client's, not the proxy's, and so are limits", async (t) => {
  const server = await start(
    t,
    `.:{PORT} {
      proxyproto
      cookie
      rrl {
        responses-per-second 1
      }
      whoami
    }`,
  );
  const ask = (last: number, option: string) =>
    server.ask({ ask: "example.org. A", header: headerOf(last), edns: { options: [option] } }, 300);
  const CLIENT = "10 2464c4abcf10c957";
  const cookie = (await ask(7, CLIENT))!.opt!.options[0]!;
  const answered = async (last: number, option: string) => {
    let count = 0;
    for (let i = 0; i < 5; i++) if (await ask(last, option)) count++;
    return count;
  };
  assert.equal(await answered(7, cookie), 5, "its own cookie");
  assert.ok((await answered(7, CLIENT)) < 5, "no cookie of a server: limited");
  // Of another network, so that its account is another one.
  const elsewhere = (option: string) =>
    server.ask(
      {
        ask: "example.org. A",
        header: binaryHeader({ rest: "c6336407 c0000235 1092 0035" }),
        edns: { options: [option] },
      },
      300,
    );
  assert.ok(await elsewhere(CLIENT), "who pays is the client's network, not the proxy's");
  let proven = 0;
  for (let i = 0; i < 5; i++) if (await elsewhere(cookie)) proven++;
  assert.ok(proven < 5, "the cookie of another client that the same proxy stands for");
});

test("a header over TCP may come in pieces, and its connection ends when it does not come as a whole", async (t) => {
  const server = await start(
    t,
    `.:{PORT} {
      proxyproto
      timeouts {
        read 1s
      }
      whoami
    }`,
  );
  const header = Buffer.from(headerOf(7, "11"), "hex");
  const message = encodeQuestion({ ask: "example.org. A" });
  const socket = connect(server.port, "127.0.0.1");
  socket.setNoDelay(true);
  await once(socket, "connect");
  for (const byte of Buffer.concat([header, framed(message)])) {
    socket.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [reply] = (await once(socket, "data", { signal: AbortSignal.timeout(5_000) })) as [Buffer];
  assert.equal(decodeReply(reply.subarray(2)).additional[0], "example.org. 0 IN A 192.0.2.7");
  socket.destroy();
  const half = connect(server.port, "127.0.0.1");
  half.write(header.subarray(0, 9));
  half.resume();
  await once(half, "close", { signal: AbortSignal.timeout(5_000) });
});
