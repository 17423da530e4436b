/** What upstreams do wrong, and what others do in their name: rows E2 to E7, F3, F8 and F10 of the catalogue of faults. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { awakeNow } from "../support/awake.ts";
import { type Asked, answerAddress, answerTo, Fakeup, framed, type Script, silent } from "../support/fakeup.ts";
import { optWire, questionWire } from "../support/wire.ts";
import { ForwardUnderTest, setUp } from "../upstream/forward-support.ts";

const RIGHT = ["www.example.org. 60 IN A 192.0.2.1"];
const WRONG = ["www.example.org. 60 IN A 192.0.2.66"];

function patched(message: Buffer, patch: (message: Buffer) => void): Buffer {
  const copy = Buffer.from(message);
  patch(copy);
  return copy;
}

function otherLetters(asked: Asked): Buffer {
  const question = Buffer.from(asked.bytes.subarray(12, asked.questionEnd));
  for (let i = 0; i < question.length - 5; i++) if ((question[i]! | 0x20) >= 0x61) question[i]! ^= 0x20;
  return question;
}

const wrong = (asked: Asked) => answerTo(asked, { answer: WRONG });

const badPackets: { name: string; bad: (asked: Asked) => Buffer; reason: string }[] = [
  { name: "garbage", bad: () => Buffer.from("a".repeat(40)), reason: "id" },
  { name: "nothing", bad: () => Buffer.alloc(0), reason: "no_reply" },
  { name: "eleven bytes", bad: (asked) => wrong(asked).subarray(0, 11), reason: "no_reply" },
  { name: "another id", bad: (asked) => patched(wrong(asked), (m) => m.writeUInt8(m[0]! ^ 1, 0)), reason: "id" },
  {
    name: "another name",
    bad: (asked) => answerTo(asked, { answer: WRONG, question: questionWire("wwx.example.org. A") }),
    reason: "question",
  },
  {
    name: "another type",
    bad: (asked) => patched(wrong(asked), (m) => m.writeUInt16BE(28, asked.questionEnd - 4)),
    reason: "question",
  },
  {
    name: "another class",
    bad: (asked) => patched(wrong(asked), (m) => m.writeUInt16BE(3, asked.questionEnd - 2)),
    reason: "question",
  },
  {
    name: "no question",
    bad: (asked) => patched(answerTo(asked, { question: Buffer.alloc(0) }), (m) => m.writeUInt16BE(0, 4)),
    reason: "question",
  },
  {
    name: "two questions",
    bad: (asked) => patched(wrong(asked), (m) => m.writeUInt16BE(2, 4)),
    reason: "question",
  },
  { name: "a query", bad: (asked) => patched(wrong(asked), (m) => m.writeUInt8(m[2]! & 0x7f, 2)), reason: "no_reply" },
  {
    name: "another opcode",
    bad: (asked) => patched(wrong(asked), (m) => m.writeUInt8(m[2]! | 0x20, 2)),
    reason: "question",
  },
  {
    name: "FORMERR without our question",
    bad: (asked) => patched(answerTo(asked, { rcode: 1 }).subarray(0, 12), (m) => m.writeUInt16BE(0, 4)),
    reason: "question",
  },
  {
    name: "other letters",
    bad: (asked) => answerTo(asked, { answer: WRONG, question: otherLetters(asked) }),
    reason: "letters",
  },
  { name: "truncated data", bad: (asked) => wrong(asked).subarray(0, -1), reason: "malformed" },
  {
    name: "records that are not there",
    bad: (asked) => patched(wrong(asked), (m) => m.writeUInt16BE(9, 6)),
    reason: "malformed",
  },
  {
    name: "a name that points to itself",
    bad: (asked) =>
      patched(answerTo(asked, { answer: [". 60 IN A 192.0.2.66"], pointers: true }), (m) =>
        m.writeUInt16BE(0xc000 | asked.questionEnd, asked.questionEnd),
      ),
    reason: "malformed",
  },
];

for (const { name, bad, reason } of badPackets) {
  for (const tcp of [true, false]) {
    test(`E2: ${name}, then the right answer${tcp ? "" : ", no TCP"}`, async (t) => {
      const script: Script = (asked) => {
        if (asked.over === "tcp") return;
        asked.send(bad(asked));
        setTimeout(() => asked.send(answerTo(asked, { answer: RIGHT })), 5);
      };
      const { forward } = await setUp(t, [script], [], { tcp });
      const { reply, awakeMs } = await forward.ask("www.example.org. A");
      assert.deepEqual(reply?.answer, RIGHT);
      assert.ok(awakeMs < 500, `${awakeMs} ms`);
      assert.ok(forward.count("proxy_ignored_responses_total", { reason }) >= 1, `counted as ${reason}`);
    });
  }
}

test("E2: nothing but bad packets ends with the deadline", async (t) => {
  const script: Script = (asked) => {
    for (const { bad } of badPackets) asked.send(bad(asked));
  };
  const { forward } = await setUp(t, [script], ["read_timeout 100ms"], { tcp: false });
  const { outcome, error, ms, awakeMs } = await forward.ask("www.example.org. A");
  assert.equal(outcome, 2);
  assert.match(error, /^read udp \S+: i\/o timeout$/);
  assert.ok(ms >= 200 && awakeMs < 600, `${awakeMs} ms`);
});

test("E3: the right packet from another address, or another port", async (t) => {
  for (const address of ["127.0.0.1", "127.0.0.2"]) {
    const script: Script = (asked) => {
      void asked.sendFrom(address, wrong(asked)).then(() => asked.send(answerTo(asked, { answer: RIGHT })));
    };
    const { forward } = await setUp(t, [script]);
    assert.deepEqual((await forward.ask("www.example.org. A")).reply?.answer, RIGHT);
  }
});

test("duplicates of an answer change nothing", async (t) => {
  const script: Script = (asked) => {
    for (let i = 0; i < 3; i++) asked.send(answerTo(asked, { answer: RIGHT }));
  };
  const { forward, ups } = await setUp(t, [script]);
  for (let i = 0; i < 20; i++) assert.deepEqual((await forward.ask("www.example.org. A")).reply?.answer, RIGHT);
  assert.equal(ups[0]!.asks(), 20);
});

test("a malformed answer over TCP is a failure at once: the next server is asked", async (t) => {
  const cut: Script = (asked) => asked.send(answerTo(asked, { answer: RIGHT }).subarray(0, -2));
  const right: Script = (asked) => asked.send(answerTo(asked, { answer: RIGHT }));
  const { forward, ups } = await setUp(t, [cut, right], ["force_tcp", "policy sequential"]);
  const { reply, awakeMs } = await forward.ask("www.example.org. A");
  assert.deepEqual(reply?.answer, RIGHT);
  assert.ok(awakeMs < 1_000, `${awakeMs} ms`);
  assert.equal(ups[1]!.asks(), 1);
  const { forward: alone } = await setUp(t, [cut], ["force_tcp", "max_connect_attempts 1"]);
  const failed = await alone.ask("www.example.org. A");
  assert.equal(failed.outcome, 2);
  assert.match(failed.error, /^read tcp .*: malformed answer$/);
});

const truncated = (asked: Asked): Buffer => answerTo(asked, { flags: 0x0280 });

for (const { name, tcpScript, tcp, error } of [
  { name: "TCP refused", tcp: false, tcpScript: silent, error: /^dial tcp .*: connect: connection refused$/ },
  { name: "TCP hangs", tcp: true, tcpScript: silent, error: /^read tcp .*->.*: i\/o timeout$/ },
  {
    name: "TCP is reset",
    tcp: true,
    tcpScript: (asked: Asked) => asked.close(true),
    error: /connection reset by peer|EOF/,
  },
  { name: "TCP is closed", tcp: true, tcpScript: (asked: Asked) => asked.close(), error: /EOF/ },
  {
    name: "TCP says a length that is none",
    tcp: true,
    tcpScript: (asked: Asked) => asked.sendRaw(Buffer.from([0, 5, 1, 2, 3, 4, 5])),
    error: /short read/,
  },
  {
    name: "TCP gives a query",
    tcp: true,
    tcpScript: (asked: Asked) => asked.send(patched(wrong(asked), (m) => m.writeUInt8(m[2]! & 0x7f, 2))),
    error: /i\/o timeout/,
  },
  {
    name: "TCP gives half an answer",
    tcp: true,
    tcpScript: (asked: Asked) => asked.sendRaw(framed(wrong(asked)).subarray(0, 30)),
    error: /i\/o timeout/,
  },
]) {
  const options = ["prefer_udp", "read_timeout 100ms", "max_connect_attempts 1"];
  const script: Script = (asked) => (asked.over === "udp" ? asked.send(truncated(asked)) : tcpScript(asked));
  test(`E4: truncated, then ${name}: SERVFAIL in time`, async (t) => {
    const { forward } = await setUp(t, [script], options, { tcp });
    const result = await forward.ask("www.example.org. A");
    assert.equal(result.outcome, 2);
    assert.match(result.error, error);
    assert.ok(result.awakeMs < 400, `${result.awakeMs} ms`);
  });

  test(`E4: truncated, then ${name}: the next server`, async (t) => {
    const { forward, ups } = await setUp(
      t,
      [script, answerAddress],
      ["prefer_udp", "read_timeout 100ms", "policy sequential"],
      { tcp },
    );
    const result = await forward.ask("www.example.org. A");
    assert.deepEqual(result.reply?.answer, RIGHT);
    assert.equal(result.upstream, ups[1]!.to);
    assert.ok(result.awakeMs < 400, `${result.awakeMs} ms`);
  });
}

test("E5: FORMERR to EDNS reaches the client, and nothing is remembered of it", async (t) => {
  const script: Script = (asked) => {
    if (asked.number === 0) asked.send(answerTo(asked, { rcode: 1 }));
    else asked.send(answerTo(asked, { answer: RIGHT, opt: asked.bytes.subarray(asked.questionEnd) }));
  };
  const { forward, ups } = await setUp(t, [script]);
  const question = { ask: "www.example.org. A", edns: { size: 1232, do: true } };
  assert.equal((await forward.ask(question)).reply?.rcode, "FORMERR");
  for (let i = 0; i < 20; i++) assert.deepEqual((await forward.ask(question)).reply?.answer, RIGHT);
  for (const asked of ups[0]!.asked) {
    assert.deepEqual(asked.bytes.subarray(asked.questionEnd), optWire({ size: 1232, do: true }));
  }
});

test("E6: one of two servers dies under queries, comes back, then both: no query fails that need not", async (t) => {
  const { forward, ups } = await setUp(t, [answerAddress, answerAddress], ["health_check 100ms"]);
  const ask = async (): Promise<{ outcome: number; awakeMs: number }> => forward.ask("www.example.org. A");
  const run = async (ms: number): Promise<number> => {
    const until = performance.now() + ms;
    const results: Promise<{ outcome: number }>[] = [];
    while (performance.now() < until) {
      results.push(ask());
      await sleep(10);
    }
    return (await Promise.all(results)).filter(({ outcome }) => outcome !== 0).length;
  };
  assert.equal(await run(100), 0);
  const [first, second] = ups as [Fakeup, Fakeup];
  await first.stop();
  assert.equal(await run(500), 0, "one is dead");
  assert.ok(forward.count("proxy_healthcheck_failures_total", { to: first.to }) >= 3);
  await second.stop();
  const failed = await ask();
  assert.equal(failed.outcome, 2, "both are dead");
  assert.ok(failed.awakeMs < 1_000);
  const isKnown = () => forward.count("forward_healthcheck_broken_total") >= 1;
  for (let i = 0; i < 30 && !isKnown(); i++) {
    await sleep(100);
    assert.equal((await ask()).outcome, 2);
  }
  assert.ok(isKnown());
  const again = await Fakeup.start(answerAddress, { port: first.port });
  t.after(() => again.stop());
  const back = awakeNow();
  while ((await ask()).outcome !== 0) await sleep(10);
  assert.ok(awakeNow() - back < 1_000);
});

test("E6: while all are dead the probes keep their interval", async (t) => {
  const { forward, ups } = await setUp(
    t,
    [silent],
    ["health_check 100ms", "read_timeout 50ms", "max_connect_attempts 1"],
  );
  const until = performance.now() + 1_500;
  while (performance.now() < until) await forward.ask("www.example.org. A");
  const probes = ups[0]!.asked.filter(({ ask }) => ask === ". NS").length;
  // A silent server's probe takes a second before the interval begins.
  assert.ok(probes >= 1 && probes <= 3, `${probes} probes`);
});

test("E7: an idle connection that the server closes costs no query", async (t) => {
  const script: Script = (asked) => {
    asked.send(answerTo(asked, { answer: RIGHT }));
    asked.close();
  };
  const { forward, ups } = await setUp(t, [script], ["force_tcp", "max_connect_attempts 1"]);
  for (let i = 0; i < 20; i++) {
    const { reply } = await forward.ask("www.example.org. A");
    assert.deepEqual(reply?.answer, RIGHT);
    if (i % 2 === 0) await sleep(5);
  }
  assert.ok(ups[0]!.accepted >= 10);
});

test("E7: a connection closed just as we write: written again to a new one", async (t) => {
  // The second query of a connection is swallowed and the connection reset.
  const seen = new Map<number, number>();
  const script: Script = (asked) => {
    const count = (seen.get(asked.connection) ?? 0) + 1;
    seen.set(asked.connection, count);
    if (count === 1) asked.send(answerTo(asked, { answer: RIGHT }));
    else asked.close(true);
  };
  const { forward } = await setUp(t, [script], ["force_tcp", "max_connect_attempts 1"]);
  for (let i = 0; i < 6; i++) assert.deepEqual((await forward.ask("www.example.org. A")).reply?.answer, RIGHT);
});

test("E7: half-open connections: all who wait on them are asked for again on new ones", async (t) => {
  // The other side is gone without a word: what was open stays so, and never answers.
  let gone = 0;
  const script: Script = (asked) => {
    if (asked.connection > gone) asked.send(answerTo(asked, { answer: RIGHT }));
  };
  const { forward, ups } = await setUp(t, [script], ["force_tcp", "read_timeout 200ms"]);
  const ask = () => Promise.all(Array.from({ length: 8 }, () => forward.ask("www.example.org. A")));
  await ask();
  gone = ups[0]!.accepted;
  for (const { reply, awakeMs } of await ask()) {
    assert.deepEqual(reply?.answer, RIGHT);
    assert.ok(awakeMs < 1_000, `${awakeMs} ms`);
  }
  assert.ok(ups[0]!.accepted > gone, "on new connections");
  const ids = ups[0]!.asked.map(({ connection, bytes }) => `${connection} ${bytes.readUInt16BE(0)}`);
  assert.equal(new Set(ids).size, ids.length, "ids differ on each connection");
});

test("E7: a connection closed under many queries: each is asked for again once, none is lost", async (t) => {
  const seen = new Map<number, number>();
  const script: Script = (asked) => {
    const count = (seen.get(asked.connection) ?? 0) + 1;
    seen.set(asked.connection, count);
    // The first connections answer one query and are reset on the next, with whatever else is on its way.
    if (asked.connection <= 4 && count > 1) asked.close(true);
    else asked.send(answerTo(asked, { answer: RIGHT }));
  };
  const { forward, ups } = await setUp(t, [script], ["force_tcp", "max_connect_attempts 1"]);
  const ask = () => Promise.all(Array.from({ length: 4 }, () => forward.ask("www.example.org. A")));
  await ask();
  const before = ups[0]!.asks();
  const results = await Promise.all(Array.from({ length: 40 }, () => forward.ask("www.example.org. A")));
  assert.deepEqual(
    results.map(({ reply, error }) => reply?.answer ?? error),
    results.map(() => RIGHT),
  );
  assert.ok(ups[0]!.asks() - before <= 80, `${ups[0]!.asks() - before} packets for 40 queries`);
});

test("F3: after guesses the question goes over TCP too", async (t) => {
  const script: Script = (asked) => {
    if (asked.over === "tcp") return asked.send(answerTo(asked, { answer: RIGHT }));
    const id = asked.bytes.readUInt16BE(0);
    for (let i = 1; i <= 30; i++) asked.send(patched(wrong(asked), (m) => m.writeUInt16BE((id + i) & 0xffff, 0)));
  };
  const { forward, ups } = await setUp(t, [script]);
  const { reply, awakeMs } = await forward.ask("www.example.org. A");
  assert.deepEqual(reply?.answer, RIGHT);
  assert.ok(awakeMs < 200);
  assert.equal(ups[0]!.asks("tcp"), 1);
  assert.ok(forward.count("proxy_ignored_responses_total", { reason: "id" }) >= 16);
});

test("F8: no more than 1232 bytes are asked for over UDP; longer answers come over TCP", async (t) => {
  const answer = Array.from({ length: 100 }, (_, i) => `www.example.org. 60 IN A 192.0.2.${i}`);
  const script: Script = (asked) => {
    if (asked.over === "tcp") asked.send(answerTo(asked, { answer }));
    else asked.send(truncated(asked));
  };
  const { forward, ups } = await setUp(t, [script]);
  const { reply } = await forward.ask({ ask: "www.example.org. A", edns: { size: 4096 } });
  assert.equal(reply?.answer.length, 100);
  assert.equal(reply?.flags.includes("tc"), false);
  assert.equal(ups[0]!.asked[0]!.bytes.readUInt16BE(ups[0]!.asked[0]!.questionEnd + 3), 1232);
});

for (const { says, tcp, script } of [
  { says: "refuses TCP", tcp: false, script: silent },
  { says: "is mute over TCP", tcp: true, script: silent },
])
  test(`F8: a server that ${says} is asked for long answers over UDP, and what it cuts is cut`, async (t) => {
    const answer = Array.from({ length: 100 }, (_, i) => `www.example.org. 60 IN A 192.0.2.${i}`);
    const cutting: Script = (asked) => {
      const whole = answerTo(asked, { answer });
      if (asked.over === "tcp") script(asked);
      else if (/^cut/i.test(asked.ask)) asked.send(truncated(asked));
      else asked.send(asked.bytes.readUInt16BE(asked.questionEnd + 3) < whole.length ? truncated(asked) : whole);
    };
    const { forward, ups } = await setUp(t, [cutting], ["read_timeout 200ms", "max_connect_attempts 1"], { tcp });
    for (let i = 0; i < 3; i++) {
      const { reply, awakeMs } = await forward.ask({ ask: "www.example.org. A", edns: { size: 4096 } });
      assert.equal(reply?.answer.length, 100);
      assert.ok(awakeMs < (i === 0 ? 400 : 100), `${awakeMs} ms`);
    }
    const { reply } = await forward.ask({ ask: "cut.example.org. A", edns: { size: 65_535 } });
    assert.equal(reply?.flags, "qr tc rd ra");
    assert.ok(ups[0]!.asks("tcp") <= 1, "once it has failed it is not tried again for a while");
  });

test("F8: a datagram longer than asked for is not used", async (t) => {
  const answer = Array.from({ length: 60 }, (_, i) => `www.example.org. 60 IN A 192.0.2.${i}`);
  const { forward } = await setUp(t, [(asked) => asked.send(answerTo(asked, { answer }))]);
  const { reply } = await forward.ask("www.example.org. A");
  assert.equal(reply?.flags, "qr tc rd ra");
  assert.deepEqual(reply?.answer, []);
});

const lowered = (asked: Asked, fields = {}): Buffer => {
  const question = Buffer.from(asked.bytes.subarray(12, asked.questionEnd));
  for (let i = 0; i < question.length - 4; i++) if (question[i]! >= 0x41 && question[i]! <= 0x5a) question[i]! |= 0x20;
  return answerTo(asked, { answer: RIGHT, question, ...fields });
};

test("F10: a server that lower-cases is asked over TCP once, then without random letters", async (t) => {
  const { forward, ups } = await setUp(t, [(asked) => asked.send(lowered(asked))]);
  const name = "www.a-long-name-with-many-letters.example.org. A";
  for (let i = 0; i < 5; i++) {
    const { reply, awakeMs } = await forward.ask(name);
    assert.deepEqual(reply?.answer, RIGHT);
    assert.equal(reply?.question, name);
    assert.ok(awakeMs < 100);
  }
  assert.equal(ups[0]!.asks("tcp"), 1);
  assert.ok(ups[0]!.asked.slice(2).every(({ ask }) => ask === name));
});

test("F10: the same without TCP", async (t) => {
  const { forward, ups } = await setUp(t, [(asked) => asked.send(lowered(asked))], [], { tcp: false });
  const name = "www.a-long-name-with-many-letters.example.org. A";
  for (let i = 0; i < 5; i++) {
    const { reply, awakeMs } = await forward.ask(name);
    assert.deepEqual(reply?.answer, RIGHT);
    assert.ok(awakeMs < 100);
  }
  assert.equal(ups[0]!.asks(), 6);
});

test("F10: the same with TCP that is mute: once it takes the time of two attempts at most", async (t) => {
  const script: Script = (asked) => asked.over === "udp" && asked.send(lowered(asked));
  const { forward, ups } = await setUp(t, [script], ["read_timeout 200ms", "max_connect_attempts 1"]);
  for (let i = 0; i < 5; i++) {
    const { reply, awakeMs } = await forward.ask("www.a-long-name-with-many-letters.example.org. A");
    assert.deepEqual(reply?.answer, RIGHT);
    assert.ok(awakeMs < (i === 0 ? 400 : 100), `${awakeMs} ms`);
  }
  assert.equal(ups[0]!.asks("tcp"), 1);
});

test("F10: one server that lower-cases does not take the letters from another", async (t) => {
  const { forward, ups } = await setUp(
    t,
    [(asked) => asked.send(lowered(asked)), answerAddress],
    ["policy round_robin"],
  );
  const name = "www.a-long-name-with-many-letters.example.org. A";
  for (let i = 0; i < 10; i++) assert.equal((await forward.ask(name)).outcome, 0);
  assert.equal(ups[1]!.asks("tcp"), 0);
  assert.ok(ups[1]!.asked.every(({ ask }) => ask !== name));
});

test("F10: a forged answer with other letters takes nothing from an honest server", async (t) => {
  const script: Script = (asked) => {
    if (asked.number === 0) asked.send(answerTo(asked, { answer: WRONG, question: otherLetters(asked) }));
    setTimeout(() => asked.send(answerTo(asked, { answer: RIGHT })), 5);
  };
  const { forward, ups } = await setUp(t, [script]);
  const name = "www.a-long-name-with-many-letters.example.org. A";
  for (let i = 0; i < 5; i++) assert.deepEqual((await forward.ask(name)).reply?.answer, RIGHT);
  const udp = ups[0]!.asked.filter(({ over }) => over === "udp");
  assert.ok(
    udp.slice(1).every(({ ask }) => ask !== name),
    "letters are still random",
  );
});

test("E12: TTL and aliases pass as they are, one send for one query", async (t) => {
  const answer = ["www.example.org. 0 IN CNAME nowhere.example.net.", "www.example.org. 2147483648 IN A 192.0.2.1"];
  const { forward, ups } = await setUp(t, [(asked) => asked.send(answerTo(asked, { answer, rcode: 3 }))]);
  const { reply } = await forward.ask("www.example.org. A");
  assert.deepEqual(reply?.answer, answer);
  assert.equal(reply?.rcode, "NXDOMAIN");
  assert.equal(ups[0]!.asks(), 1);
});

test("E12: BADCOOKIE for ever is passed on, not fought", async (t) => {
  const opt = optWire({ size: 1232, options: ["10 0102030405060708"] }, 1);
  const { forward, ups } = await setUp(t, [(asked) => asked.send(answerTo(asked, { rcode: 7, opt }))]);
  const { reply } = await forward.ask({ ask: "www.example.org. A", edns: { options: ["10 0102030405060708"] } });
  assert.equal(reply?.rcode, "BADCOOKIE");
  assert.equal(ups[0]!.asks(), 1);
});

test("E4: a TCP port that takes connections and is mute", async (t) => {
  const mute = createServer(() => {});
  await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
  const { port } = mute.address() as { port: number };
  const forward = await ForwardUnderTest.start(`. 127.0.0.1:${port}`, ["force_tcp", "read_timeout 100ms"]);
  t.after(() => {
    forward.stop();
    mute.close();
  });
  const { outcome, error, awakeMs } = await forward.ask("www.example.org. A");
  assert.equal(outcome, 2);
  assert.match(error, /^read tcp .*: i\/o timeout$/);
  assert.ok(awakeMs < 600, `${awakeMs} ms`);
});
