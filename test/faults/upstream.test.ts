/**
 * Rows E6, E11, E12, I2 against the whole server: upstreams that come and go every second, a loop that nobody looks for,
 * an answer of thousands of records, and crowds that ask for names which do not exist.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiServer } from "../support/api-server.ts";
import { clusterObjects } from "../support/cluster-objects.ts";
import { askAll } from "../support/crowd.ts";
import { answerAddress, answerTo, Fakeup, type Script, silent } from "../support/fakeup.ts";
import { TestServer } from "../support/server.ts";
import { encodeQuestion } from "../support/wire.ts";
import { figure, isLarge, sized } from "./figures.ts";
import { Probe } from "./probe.ts";

/** Names that differ, so that nothing is joined or kept. */
const names = (count: number) => Array.from({ length: count }, (_, i) => `n${i}.example.org. A`);

test("E6: one of three upstreams is dead, slow, lying or flapping", { timeout: 120_000 }, async (t) => {
  const refuse: Script = (asked) => asked.send(answerTo(asked, { rcode: 5 }));
  const ups = await Promise.all([0, 1, 2].map(() => Fakeup.start(answerAddress, { tcp: false })));
  const server = await TestServer.start({
    corefile: `.:{PORT} {
  multisocket 2
  forward . ${ups.map(({ to }) => to).join(" ")} {
    policy round_robin
    read_timeout 300ms
    failover REFUSED SERVFAIL
  }
}
`,
  });
  t.after(async () => {
    assert.equal(await server.stop(), 0);
    for (const up of ups) await up.stop();
  });
  const forMs = sized(1_200, 6_000);
  const ways = [
    { name: "dead", change: () => (ups[0]!.script = silent) },
    { name: "slow", change: () => (ups[0]!.script = (asked) => void setTimeout(() => answerAddress(asked), 150)) },
    { name: "lying", change: () => (ups[0]!.script = refuse) },
    {
      name: "flapping",
      change: () => (ups[0]!.script = (asked) => (Date.now() % 2_000 < 1_000 ? answerAddress(asked) : undefined)),
    },
  ];
  for (const { name, change } of isLarge ? ways : ways.slice(-2)) {
    change();
    const probe = await Probe.start({ port: server.port, asks: names(1_000) });
    await sleep(forMs);
    const { asked, lost, wrong } = await probe.stop();
    assert.ok(asked > forMs / 10);
    const failed = Number(((100 * (lost + wrong)) / asked).toFixed(2));
    figure({
      row: "E6",
      what: `one of three ${name}: clients that get no answer`,
      value: failed,
      unit: "%",
      // Of a few hundred one may meet a machine that is late.
      atMost: sized(1, 0.1),
    });
  }
});

for (const { says, corefile, what } of [
  {
    says: "a server that forwards to itself",
    corefile: ".:{PORT} {\n  multisocket 2\n  log\n  forward . 127.0.0.1:{PORT}\n}\n",
    what: "itself, without loop: packets for a query",
  },
  {
    says: "two servers that forward to each other",
    corefile: [
      ".:{PORT} {\n  log\n  forward . 127.0.0.1:{PORT2}\n",
      ".:{PORT2} {\n  log\n  forward . 127.0.0.1:{PORT}\n",
    ]
      .map((block) => `${block}  multisocket 2\n}\n`)
      .join(""),
    what: "each other, without loop: packets for a query",
  },
])
  test(`E11: ${says}, without loop: how often a query goes round`, { timeout: 60_000 }, async (t) => {
    const server = await TestServer.start({ corefile });
    t.after(async () => assert.equal(await server.stop(), 0));
    const reply = await server.ask({ ask: "www.example.org. A" }, 8_000);
    assert.equal(reply?.rcode, "SERVFAIL");
    await sleep(500);
    const rounds = server.lines.filter((line) => line.includes("www.example.org.")).length;
    figure({ row: "E11", what, value: rounds, atMost: 40, atLeast: 2 });
  });

test("E12: an answer of 4,000 records", { timeout: 60_000 }, async (t) => {
  const answer = Array.from({ length: 4_000 }, (_, i) => `. 60 IN A 10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
  const up = await Fakeup.start((asked) => {
    if (asked.over === "udp") asked.send(answerTo(asked, { flags: 0x0280 }));
    else asked.send(answerTo(asked, { answer: answer.slice(0, 4_000), pointers: true }));
  });
  const server = await TestServer.start({
    corefile: `.:{PORT} {\n  multisocket 1\n  cache 60\n  loadbalance\n  forward . ${up.to}\n}\n`,
  });
  t.after(async () => {
    assert.equal(await server.stop(), 0);
    await up.stop();
  });
  for (let i = 0; i < sized(1, 3); i++) {
    const whole = await server.ask({ ask: "big.example.org. A", over: "tcp" });
    assert.equal(whole?.answer.length, 4_000);
    const cut = await server.ask({ ask: "big.example.org. A", edns: { size: 1232 } });
    assert.ok(cut?.flags.includes("tc") && cut.bytes.length <= 1_232);
  }
  // Once over each of UDP and TCP, when it is kept; else for each query.
  figure({
    row: "E12",
    what: "4,000 records: packets upstream for a query",
    value: up.asks() / sized(2, 6),
    atMost: 2,
  });
});

test("I2: a crowd asks for names that do not exist below a zone that is forwarded", { timeout: 60_000 }, async (t) => {
  const most = 50;
  let waiting = 0;
  let mostWaiting = 0;
  const up = await Fakeup.start(
    (asked) => {
      mostWaiting = Math.max(mostWaiting, ++waiting);
      setTimeout(() => {
        waiting--;
        asked.send(answerTo(asked, { rcode: 3, authority: ["example.org. 60 IN SOA ns. host. 1 60 60 60 60"] }));
      }, 100);
    },
    { tcp: false },
  );
  const server = await TestServer.start({
    corefile: `example.org:{PORT} {
  multisocket 2
  cache 60
  forward . ${up.to} {
    max_concurrent ${most}
  }
}
example.net:{PORT} {
  whoami
}
`,
  });
  t.after(async () => {
    assert.equal(await server.stop(), 0);
    await up.stop();
  });
  const crowd = Array.from({ length: sized(2_000, 100_000) }, (_, i) => `r${i}.example.org. A`);
  await besideCrowd(server, "www.example.net. A", crowd, sized(4_000, 10_000), "below a forwarded zone");
  figure({ row: "I2", what: "queries upstream at once", value: mostWaiting, atMost: most });
});

test("I2: a crowd asks for names that do not exist in a cluster", { timeout: 120_000 }, async (t) => {
  const api = await ApiServer.start({ objects: clusterObjects });
  const up = await Fakeup.start(answerAddress, { tcp: false });
  const server = await TestServer.start({
    corefile: `.:{PORT} {
  multisocket 2
  kubernetes cluster.local in-addr.arpa {
    endpoint ${api.url}
    pods insecure
    fallthrough in-addr.arpa
  }
  forward . ${up.to}
  cache 30
}
`,
  });
  t.after(async () => {
    assert.equal(await server.stop(), 0);
    await Promise.all([up.stop(), api.close()]);
  });
  const shapes = [
    (i: number) => `r${i}.a.svc.cluster.local. A`,
    (i: number) => `web.r${i}.svc.cluster.local. AAAA`,
    (i: number) => `_http._tcp.r${i}.a.svc.cluster.local. SRV`,
    (i: number) => `r${i}.cluster.local. A`,
  ];
  const crowd = Array.from({ length: sized(4_000, 200_000) }, (_, i) => shapes[i % shapes.length]!(i));
  const replies = await besideCrowd(server, "web.a.svc.cluster.local. A", crowd, sized(8_000, 20_000), "in a cluster");
  const others = replies.filter((bytes) => (bytes[3]! & 15) !== 3).length;
  figure({ row: "I2", what: "in a cluster: replies that are not NXDOMAIN", value: others, atMost: 0 });
  figure({ row: "I2", what: "in a cluster: queries upstream for them", value: up.asks(), atMost: 0 });
});

/** One client asks for all of it, at a fixed pace, while another goes on asking for one name. Gives what the former got. */
async function besideCrowd(
  server: TestServer,
  ask: string,
  asks: readonly string[],
  rate: number,
  where: string,
): Promise<Buffer[]> {
  const probe = await Probe.start({ port: server.port, asks: [ask] });
  const queries = asks.map((ask, i) => ({
    bytes: encodeQuestion({ ask }, i & 0xffff),
    socket: i >> 16,
    from: "127.7.7.7",
  }));
  const fates = await askAll(queries, { port: server.port, waitMs: 2_000, rate });
  const { asked, lost, wrong, p99Ms } = await probe.stop();
  const failed = (100 * (lost + wrong)) / asked;
  const unanswered = fates.filter(({ replies }) => replies.length !== 1).length;
  const row = "I2";
  figure({ row, what: `${where}: of the crowd without one reply`, value: unanswered, atMost: asks.length / 100 });
  figure({ row, what: `${where}: probe: queries lost or wrong`, value: failed, unit: "%", atMost: 1 });
  const p99 = { value: Number(p99Ms.toFixed(1)), unit: "ms", ...(isLarge ? { atMost: 50 } : {}) };
  figure({ row, what: `${where}: probe: p99`, ...p99 });
  return fates.flatMap(({ replies }) => replies.map(({ bytes }) => bytes));
}
