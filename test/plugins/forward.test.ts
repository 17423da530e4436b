import assert from "node:assert/strict";
import { test } from "node:test";
import { Rcode } from "../../src/dns/types.ts";
import { type Asked, answerAddress, answerTo, Fakeup, type Script, silent } from "../support/fakeup.ts";
import { optWire } from "../support/wire.ts";
import { ForwardUnderTest, setUp } from "../upstream/forward-support.ts";

const ANSWER = ["www.example.org. 60 IN A 192.0.2.1"];

test("forward: an answer over UDP, with the client's letters", async (t) => {
  const { forward, ups } = await setUp(t, [answerAddress]);
  const { reply, upstream, error } = await forward.ask("wWw.Example.org. A");
  assert.equal(reply?.question, "wWw.Example.org. A");
  assert.deepEqual(reply?.answer, ["wWw.Example.org. 60 IN A 192.0.2.1"]);
  assert.equal(reply?.flags, "qr rd ra");
  assert.equal(upstream, ups[0]!.to);
  assert.equal(error, "");
  assert.equal(ups[0]!.asked[0]!.over, "udp");
});

test("forward: names that a server wrote in full get the client's letters too", async (t) => {
  const echo = (asked: Asked): void => {
    const name = asked.ask.split(" ")[0]!;
    const zone = name.slice(name.indexOf(".") + 1);
    asked.send(
      answerTo(asked, {
        answer: [`${name} 60 IN CNAME mail.${zone}`],
        authority: [`${zone} 60 IN SOA ns.${zone} root.${zone} 1 2 3 4 5`, `Other.${zone} 60 IN NS NS.Example.NET.`],
      }),
    );
  };
  const { forward } = await setUp(t, [echo]);
  const { reply } = await forward.ask("wWw.Long-Zone-Name.Example.org. A");
  assert.deepEqual(reply?.answer, ["wWw.Long-Zone-Name.Example.org. 60 IN CNAME mail.Long-Zone-Name.Example.org."]);
  assert.deepEqual(reply?.authority, [
    "Long-Zone-Name.Example.org. 60 IN SOA ns.Long-Zone-Name.Example.org. root.Long-Zone-Name.Example.org. 1 2 3 4 5",
    "Other.Long-Zone-Name.Example.org. 60 IN NS NS.Example.NET.",
  ]);
});

test("forward: everything of the client's message passes but its id and letters", async (t) => {
  const { forward, ups } = await setUp(t, [answerAddress]);
  const edns = { size: 1000, do: true, options: ["10 0102030405060708", "8 00011800c00002"] };
  await forward.ask({ ask: "www.example.org. A", flags: "rd ad cd", edns });
  const { bytes, questionEnd } = ups[0]!.asked[0]!;
  assert.equal(bytes.readUInt16BE(2), 0x0130);
  assert.deepEqual(bytes.subarray(questionEnd), optWire(edns));
});

test("forward: the answer passes whole: rcode, flags, sections, options", async (t) => {
  const opt = optWire({ size: 512, options: ["15 0016", "10 0102030405060708"] });
  const authority = ["example.org. 60 IN SOA ns.example.org. root.example.org. 1 2 3 4 5"];
  const script = (asked: Asked): void => asked.send(answerTo(asked, { rcode: 3, flags: 0x04b0, authority, opt }));
  const { forward } = await setUp(t, [script]);
  const { reply } = await forward.ask({ ask: "www.example.org. A", edns: { size: 1232 } });
  assert.equal(reply?.rcode, "NXDOMAIN");
  assert.equal(reply?.flags, "qr aa rd ra ad cd");
  assert.deepEqual(reply?.authority, authority);
  assert.deepEqual(reply?.opt, { size: 1232, do: false, version: 0, options: ["15 0016", "10 0102030405060708"] });
});

for (const { options, client, asked } of [
  { options: [], client: "udp", asked: "udp" },
  { options: [], client: "tcp", asked: "tcp" },
  { options: ["force_tcp"], client: "udp", asked: "tcp" },
  { options: ["prefer_udp"], client: "tcp", asked: "udp" },
  { options: ["force_tcp", "prefer_udp"], client: "udp", asked: "tcp" },
] as const) {
  test(`forward: a client of ${client} with '${options.join(" ")}' is asked for over ${asked}`, async (t) => {
    const { forward, ups } = await setUp(t, [answerAddress], options);
    assert.deepEqual((await forward.ask({ ask: "www.example.org. A", over: client })).reply?.answer, ANSWER);
    assert.deepEqual(
      ups[0]!.asked.map(({ over }) => over),
      [asked],
    );
  });
}

test("forward: a truncated answer goes to the client, or is fetched again with prefer_udp", async (t) => {
  const script = (asked: Asked): void =>
    asked.send(asked.over === "tcp" ? answerTo(asked, { answer: ANSWER }) : answerTo(asked, { flags: 0x0280 }));
  const plain = await setUp(t, [script]);
  assert.equal((await plain.forward.ask("www.example.org. A")).reply?.flags, "qr tc rd ra");
  const preferring = await setUp(t, [script], ["prefer_udp"]);
  assert.deepEqual((await preferring.forward.ask("www.example.org. A")).reply?.answer, ANSWER);
});

for (const records of [40, 300]) {
  test(`forward: a datagram of ${records} long records, more than was asked for, counts as a truncated answer`, async (t) => {
    const answer = Array.from(
      { length: records },
      (_, i) => `www.example.org. 60 IN TXT "${String(i).padStart(100, "x")}"`,
    );
    const { forward } = await setUp(t, [(asked) => asked.send(answerTo(asked, { answer }))], ["read_timeout 100ms"]);
    const { reply } = await forward.ask("www.example.org. TXT");
    assert.equal(reply?.flags, "qr tc rd ra");
    const preferring = await setUp(t, [(asked) => asked.send(answerTo(asked, { answer }))], ["prefer_udp"]);
    const { reply: whole } = await preferring.forward.ask({ ask: "www.example.org. TXT", over: "tcp" });
    assert.equal(whole?.answer.length, records);
  });
}

for (const over of ["udp", "tcp"] as const) {
  for (const { name, rcode } of [
    { name: "FORMERR", rcode: 1 },
    { name: "NOTIMP", rcode: 4 },
  ]) {
    test(`forward: ${name} in a bare header over ${over} is the answer`, async (t) => {
      const script = (asked: Asked): void => {
        const header = Buffer.from(answerTo(asked, { rcode }).subarray(0, 12));
        asked.send(header.fill(0, 4));
      };
      const { forward } = await setUp(t, [script], over === "tcp" ? ["force_tcp"] : []);
      const { reply, awakeMs } = await forward.ask("www.example.org. A");
      assert.equal(reply?.rcode, name);
      assert.deepEqual([reply?.question, reply?.answer], ["www.example.org. A", []]);
      assert.ok(awakeMs < 1_000, `${awakeMs} ms`);
    });
  }
}

test("forward: FROM and except", async (t) => {
  const up = await Fakeup.start();
  const forward = await ForwardUnderTest.start(`example.org ${up.to}`, ["except a.example.org example.org"], {
    next: () => Rcode.REFUSED,
  });
  t.after(() => {
    forward.stop();
    return up.stop();
  });
  for (const { name, outcome } of [
    { name: "www.example.net.", outcome: Rcode.REFUSED },
    { name: "xexample.org.", outcome: Rcode.REFUSED },
    { name: "org.", outcome: Rcode.REFUSED },
    { name: "a.example.org.", outcome: Rcode.REFUSED },
    // A name equal to FROM is taken whatever `except` says.
    { name: "EXAMPLE.org.", outcome: 0 },
  ]) {
    assert.equal((await forward.ask(`${name} A`)).outcome, outcome, name);
  }
});

for (const { policy, first } of [
  { policy: "sequential", first: [0, 0, 0, 0, 0, 0] },
  { policy: "round_robin", first: [1, 2, 0, 1, 2, 0] },
]) {
  test(`forward: policy ${policy}`, async (t) => {
    const { forward, ups } = await setUp(t, [answerAddress, answerAddress, answerAddress], [`policy ${policy}`]);
    const order: number[] = [];
    for (let i = 0; i < 6; i++) {
      const { upstream } = await forward.ask("www.example.org. A");
      order.push(ups.findIndex((up) => up.to === upstream));
    }
    assert.deepEqual(order, first);
  });
}

test("forward: round_robin rotates the head only", async (t) => {
  const { forward, ups } = await setUp(
    t,
    [answerAddress, answerAddress, silent],
    ["policy round_robin", "read_timeout 20ms", "max_fails 0"],
  );
  const order: number[] = [];
  for (let i = 0; i < 4; i++) {
    const { upstream } = await forward.ask("www.example.org. A");
    order.push(ups.findIndex((up) => up.to === upstream));
  }
  // The second query begins with the third server, which is silent, and goes on with the first of the list.
  assert.deepEqual(order, [1, 0, 0, 1]);
});

test("forward: policy random asks all of them", async (t) => {
  const { forward, ups } = await setUp(t, [answerAddress, answerAddress, answerAddress]);
  for (let i = 0; i < 90; i++) await forward.ask("www.example.org. A");
  // 90 throws of three: fewer than 10 of one kind come once in ten million runs.
  for (const up of ups) assert.ok(up.asks() >= 10, `${up.asks()}`);
});

test("forward: a silent server is given up after read_timeout, the next is asked", async (t) => {
  const { forward, ups } = await setUp(t, [silent, answerAddress], ["policy sequential", "read_timeout 50ms"]);
  const { reply, ms, awakeMs, upstream } = await forward.ask("www.example.org. A");
  assert.deepEqual(reply?.answer, ANSWER);
  assert.equal(upstream, ups[1]!.to);
  assert.ok(ms >= 50 && awakeMs < 150, `${awakeMs} ms`);
});

for (const { options, attempts } of [
  { options: [], attempts: 4 },
  { options: ["max_connect_attempts 1"], attempts: 1 },
  { options: ["max_connect_attempts 3"], attempts: 3 },
]) {
  test(`forward: two silent servers with '${options.join()}' are asked ${attempts} times`, async (t) => {
    const { forward, ups } = await setUp(t, [silent, silent], ["read_timeout 20ms", "max_fails 0", ...options]);
    const { outcome, error } = await forward.ask("www.example.org. A");
    assert.equal(outcome, Rcode.SERVFAIL);
    assert.match(error, /^read udp .*127\.0\.0\.1:\d+: i\/o timeout$/);
    assert.equal(ups[0]!.asks() + ups[1]!.asks(), attempts);
  });
}

test("forward: a server that refuses is left at once", async (t) => {
  const { forward, ups } = await setUp(t, [silent, answerAddress], ["policy sequential"]);
  await ups[0]!.stop();
  for (const over of ["udp", "tcp"] as const) {
    const { reply, awakeMs } = await forward.ask({ ask: "www.example.org. A", over });
    assert.deepEqual(reply?.answer, ANSWER);
    assert.ok(awakeMs < 50, `${awakeMs} ms`);
  }
});

test("forward: only servers that refuse: an error in Go's words, at once", async (t) => {
  const { forward, ups } = await setUp(t, [silent]);
  await ups[0]!.stop();
  const udp = await forward.ask("www.example.org. A");
  assert.equal(udp.outcome, Rcode.SERVFAIL);
  assert.match(udp.error, /^read udp .*127\.0\.0\.1:\d+: read: connection refused$/);
  const tcp = await forward.ask({ ask: "www.example.org. A", over: "tcp" });
  assert.match(tcp.error, /^dial tcp 127\.0\.0\.1:\d+: connect: connection refused$/);
  assert.ok(udp.awakeMs + tcp.awakeMs < 100);
});

test("forward: without a limit of attempts, servers that refuse are asked until the deadline, not in a storm", async (t) => {
  const { forward, ups } = await setUp(t, [silent], ["max_connect_attempts 0", "max_fails 0"]);
  await ups[0]!.stop();
  const { outcome, ms, awakeMs } = await forward.ask("www.example.org. A");
  assert.equal(outcome, Rcode.SERVFAIL);
  assert.ok(ms > 4_000 && awakeMs < 6_000, `${ms} ms`);
  const attempts = forward.count("proxy_conn_cache_misses_total") + forward.count("proxy_conn_cache_hits_total");
  assert.ok(attempts < 100, `${attempts} attempts`);
});

test("forward: max_concurrent", async (t) => {
  const { forward, ups } = await setUp(
    t,
    [(asked) => void setTimeout(() => answerAddress(asked), 50)],
    ["max_concurrent 2"],
  );
  const results = await Promise.all(["a", "b", "c"].map((name) => forward.ask(`${name}.example.org. A`)));
  assert.deepEqual(
    results.map(({ outcome }) => outcome),
    [0, 0, Rcode.REFUSED],
  );
  assert.equal(results[2]!.error, "concurrent queries exceeded maximum 2");
  assert.equal(forward.count("forward_max_concurrent_rejects_total"), 1);
  assert.equal((await forward.ask("d.example.org. A")).outcome, 0, "there is room again");
  assert.equal(ups[0]!.asks(), 3);
});

test("forward: max_concurrent: what a worker that died had waiting does not count when another is in its place", async (t) => {
  const { forward } = await setUp(t, [answerAddress], ["max_concurrent 2"]);
  forward.board.setWaiting(0, 2);
  forward.publish();
  assert.equal(forward.board.waiting(1), 0);
});

test("forward: a worker's own bound of queries in flight", async (t) => {
  const { forward } = await setUp(t, [silent], ["read_timeout 50ms", "max_connect_attempts 1"], { maxExchanges: 2 });
  const results = await Promise.all(["a", "b", "c"].map((name) => forward.ask(`${name}.example.org. A`)));
  assert.match(results[2]!.error, /^more than \d+ queries wait for upstreams$/);
  assert.match((await forward.ask("d.example.org. A")).error, /timeout/, "there is room again");
  assert.equal(forward.asker.waiting.taken, 0);
});

test("forward: of queries with long messages, which each keeps while it waits, fewer may wait", async (t) => {
  const { forward } = await setUp(t, [silent], ["read_timeout 50ms", "max_connect_attempts 1"], { maxExchanges: 4 });
  const long = { options: [`65001 ${"00".repeat(700)}`] };
  const ask = (name: string) => forward.ask({ ask: `${name}.example.org. A`, edns: long });
  const results = await Promise.all(["a", "b", "c"].map(ask));
  assert.deepEqual(
    results.map(({ error }) => /^more than 4 queries wait/.test(error)),
    [false, false, true],
  );
  assert.match((await ask("d")).error, /timeout/, "there is room again");
});

test("forward: failover asks each of the others once, whatever max_connect_attempts is", async (t) => {
  const refusing = (asked: Asked): void => asked.send(answerTo(asked, { rcode: 5 }));
  const options = ["policy sequential", "failover REFUSED servfail", "max_connect_attempts 1"];
  const { forward, ups } = await setUp(t, [refusing, refusing, answerAddress], options);
  assert.deepEqual((await forward.ask("www.example.org. A")).reply?.answer, ANSWER);
  ups[2]!.script = refusing;
  assert.equal((await forward.ask("www.example.org. A")).reply?.rcode, "REFUSED");
  assert.equal(
    ups.reduce((sum, up) => sum + up.asks(), 0),
    6,
  );
});

for (const { name, options, answer, nextName, handedOver } of [
  { name: "next", options: ["next NXDOMAIN REFUSED"], answer: { rcode: 3 }, nextName: "forward", handedOver: true },
  {
    name: "next of another rcode",
    options: ["next REFUSED"],
    answer: { rcode: 3 },
    nextName: "forward",
    handedOver: false,
  },
  {
    name: "next before another plugin",
    options: ["next NXDOMAIN"],
    answer: { rcode: 3 },
    nextName: "erratic",
    handedOver: false,
  },
  { name: "next_on_nodata", options: ["next_on_nodata"], answer: {}, nextName: "forward", handedOver: true },
  {
    name: "next_on_nodata with data",
    options: ["next_on_nodata"],
    answer: { answer: ANSWER },
    nextName: "forward",
    handedOver: false,
  },
  {
    name: "next_on_nodata and NXDOMAIN",
    options: ["next_on_nodata"],
    answer: { rcode: 3 },
    nextName: "forward",
    handedOver: false,
  },
]) {
  test(`forward: ${name}${handedOver ? "" : ": the answer stays"}`, async (t) => {
    const { forward } = await setUp(t, [(asked) => asked.send(answerTo(asked, answer))], options, {
      next: () => Rcode.NOTIMP,
      nextName,
    });
    assert.equal((await forward.ask("www.example.org. A")).outcome, handedOver ? Rcode.NOTIMP : 0);
  });
}

test("forward: a query that plugins have changed is asked as it is now", async (t) => {
  const { forward, ups } = await setUp(t, [answerAddress], [], {
    rewrite: (query) => {
      query.name.set(Buffer.from("\x05other\x07example\x03net\x00", "latin1"));
      query.type = 28;
      query.flags |= 0x20;
      query.dnssecOk = true;
      query.replaceMessage(new Uint8Array());
    },
  });
  const { reply } = await forward.ask("www.example.org. A");
  const asked = ups[0]!.asked[0]!;
  assert.equal(asked.ask.toLowerCase(), "other.example.net. aaaa");
  assert.equal(asked.bytes.readUInt16BE(2), 0x0120);
  assert.deepEqual(asked.bytes.subarray(asked.questionEnd), optWire({ size: 1232, do: true }));
  // Whoever changed the question puts the client's back.
  assert.equal(reply?.question, "other.example.net. AAAA");
  assert.deepEqual(reply?.answer, ["other.example.net. 60 IN A 192.0.2.1"]);
});

test("forward: a signed query keeps its letters and its OPT", async (t) => {
  const { forward, ups } = await setUp(t, [answerAddress]);
  const name = "0377777707657861 6d706c65036f726700".replaceAll(" ", "");
  const opt = optWire({ size: 4096 }).toString("hex");
  // A TSIG record of nothing but its fixed parts (RFC 8945 section 4.2).
  const tsig = `036b657900 00fa 00ff 00000000 0011 00 000000000000 012c 0000 0000 0000 0000`.replaceAll(" ", "");
  const raw = `0000 0100 0001 0000 0000 0002 ${name} 0001 0001 ${opt} ${tsig}`.replaceAll(" ", "");
  for (let i = 0; i < 4; i++) {
    await forward.ask({ ask: "www.example.org. A", raw });
    assert.equal(ups[0]!.asked[i]!.bytes.subarray(2).toString("hex"), raw.slice(4));
  }
});

test("forward: source_address", async (t) => {
  const from: (string | undefined)[] = [];
  const up = await Fakeup.start();
  const forward = await ForwardUnderTest.start(`. ${up.to}`, ["source_address 127.0.0.9"]);
  t.after(() => {
    forward.stop();
    return up.stop();
  });
  up.script = (asked) => {
    from.push(asked.address);
    answerAddress(asked);
  };
  await forward.ask("www.example.org. A");
  await forward.ask({ ask: "www.example.org. A", over: "tcp" });
  assert.deepEqual(from, ["127.0.0.9", "127.0.0.9"]);
});

test("forward: what is counted", async (t) => {
  const { forward, ups } = await setUp(t, [answerAddress]);
  // At once, since a port takes queries for some milliseconds only.
  await Promise.all([1, 2, 3].map(() => forward.ask("www.example.org. A")));
  for (let i = 0; i < 2; i++) await forward.ask({ ask: "www.example.org. A", over: "tcp" });
  const to = ups[0]!.to;
  const labels = { proxy_name: "forward", to };
  assert.equal(forward.count("proxy_request_duration_seconds", { ...labels, rcode: "NOERROR" }), 5);
  assert.equal(forward.count("proxy_conn_cache_misses_total", { ...labels, proto: "udp" }), 1);
  assert.equal(forward.count("proxy_conn_cache_hits_total", { ...labels, proto: "udp" }), 2);
  assert.equal(forward.count("proxy_conn_cache_misses_total", { ...labels, proto: "tcp" }), 1);
  assert.equal(forward.count("proxy_conn_cache_hits_total", { ...labels, proto: "tcp" }), 1);
});

/** The bounds of the histogram, 0.25 ms doubled fifteen times. */
const DURATIONS = "0.00025 0.0005 0.001 0.002 0.004 0.008 0.016 0.032 0.064 0.128 0.256 0.512 1.024 2.048 4.096 8.192";

/** As CoreDNS exposes them, but for its prefix. */
const FAMILIES: Record<string, { help: string; labels: string; bounds?: string }> = {
  forward_healthcheck_broken_total: {
    help: "Counter of the number of complete failures of the healthchecks.",
    labels: "",
  },
  forward_max_concurrent_rejects_total: {
    help: "Counter of the number of queries rejected because the concurrent queries were at maximum.",
    labels: "",
  },
  proxy_conn_cache_hits_total: {
    help: "Counter of connection cache hits per upstream and protocol.",
    labels: "proto proxy_name to",
  },
  proxy_conn_cache_misses_total: {
    help: "Counter of connection cache misses per upstream and protocol.",
    labels: "proto proxy_name to",
  },
  proxy_healthcheck_failures_total: {
    help: "Counter of the number of failed healthchecks.",
    labels: "proxy_name to",
  },
  proxy_request_duration_seconds: {
    help: "Histogram of the time each request took.",
    labels: "proxy_name rcode to",
    bounds: DURATIONS,
  },
};

test("forward: families, their labels, help and buckets are CoreDNS's", async (t) => {
  const { forward } = await setUp(t, [answerAddress]);
  await forward.ask("www.example.org. A");
  const ours = "proxy_ignored_responses_total";
  const seen = new Map<string, unknown>();
  for (const { name, help, labels, bounds } of forward.row.descriptions) {
    if (name === ours) continue;
    const described = { help, labels: Object.keys(labels).sort().join(" ") };
    seen.set(name, bounds.length > 0 ? { ...described, bounds: bounds.join(" ") } : described);
  }
  assert.deepEqual(Object.fromEntries([...seen].sort()), FAMILIES);
});

test("forward: the rcode of a request's duration", async (t) => {
  const script: Script = (asked) => {
    const rcode = Number(/\d+/.exec(asked.ask)![0]);
    asked.send(answerTo(asked, { rcode: rcode & 15, opt: optWire({ size: 1232 }, rcode >> 4) }));
  };
  const { forward } = await setUp(t, [script]);
  for (const [rcode, label] of [
    [3, "NXDOMAIN"],
    [12, "12"],
    [16, "BADSIG"],
    [23, "BADCOOKIE"],
    [24, "other"],
    [4_095, "other"],
  ] as const) {
    const before = forward.count("proxy_request_duration_seconds", { rcode: label });
    await forward.ask({ ask: `r${rcode}.example.org. A`, edns: {} });
    assert.equal(forward.count("proxy_request_duration_seconds", { rcode: label }), before + 1, `${rcode} is ${label}`);
  }
});

test("forward: over IPv6", async (t) => {
  const up = await Fakeup.start(answerAddress, { address: "::1" });
  const forward = await ForwardUnderTest.start(`. ${up.to}`);
  t.after(() => {
    forward.stop();
    return up.stop();
  });
  assert.deepEqual((await forward.ask("www.example.org. A")).reply?.answer, ANSWER);
  await up.stop();
  assert.match((await forward.ask("www.example.org. A")).error, /\[::1\]:\d+: read: connection refused$/);
});
