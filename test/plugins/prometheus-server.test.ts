/** A whole server with prometheus: what a scraper gets over HTTP, over reloads, and when workers die. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { request } from "node:http";
import { type RequestOptions, request as requestTls } from "node:https";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { prometheus } from "../../src/plugins/prometheus/index.ts";
import { get } from "../support/http.ts";
import { freePorts, TestServer } from "../support/server.ts";

const fault = `${import.meta.dirname}/../support/fault-plugin.ts`;
const { name } = prometheus;

/** The values of all lines that begin with `start`, added up. */
async function sumOf(port: number, start: string): Promise<number> {
  const { text } = (await get(port, "/metrics"))!;
  const lines = text.split("\n").filter((line) => line.startsWith(start));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

function ask(
  options: RequestOptions,
  send: typeof requestTls = request as typeof requestTls,
): Promise<Answer | string> {
  return new Promise((resolve) => {
    const asked = send({ host: "127.0.0.1", path: "/metrics", agent: false, ...options }, async (response) => {
      const parts: Buffer[] = [];
      for await (const part of response) parts.push(part as Buffer);
      resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(parts) });
    });
    asked.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    asked.setTimeout(3_000, () => asked.destroy());
    asked.end();
  });
}

test("prometheus over HTTP: methods, codings, paths, and two addresses", { timeout: 60_000 }, async () => {
  const [one, two] = await freePorts(2);
  const server = await TestServer.start({
    corefile: `a.test:{PORT} {\n ${name} 127.0.0.1:${one}\n whoami\n}\nb.test:{PORT} {\n ${name} 127.0.0.1:${two}\n whoami\n}\nc.test:{PORT} {\n ${name} 127.0.0.1:${one}\n whoami\n}\n`,
  });
  try {
    await server.ask({ ask: "www.b.test. A" });
    const plain = (await ask({ port: one! })) as Answer;
    assert.equal(plain.status, 200);
    assert.equal(plain.headers["content-encoding"], undefined);
    // All addresses show the same.
    assert.match(plain.body.toString(), /^coredns_dns_requests_total\{.*zone="b\.test\."\} 1$/m);
    assert.match(plain.body.toString(), /^coredns_plugin_enabled\{name="whoami",.*zone="c\.test\."\} 1$/m);
    assert.match(
      plain.body.toString(),
      /^coredns_build_info\{goversion="",revision="WeftDNS-[\d.]+",version="1\.15\.0"\} 1$/m,
    );
    for (const [coding, zipped] of [
      ["gzip", true],
      ["deflate, GZIP;q=0.5", true],
      ["gzip;q=0", false],
      ["gzip;q=0.0", false],
      ["gzip; Q=0.000", false],
      ["gzip;q=0.001", true],
      ["identity", false],
    ] as const) {
      const answer = (await ask({ port: two!, headers: { "Accept-Encoding": coding } })) as Answer;
      assert.equal(answer.headers["content-encoding"], zipped ? "gzip" : undefined, coding);
      const text = zipped ? gunzipSync(answer.body) : answer.body;
      assert.match(text.toString(), /^# TYPE coredns_dns_requests_total counter$/m);
    }
    const head = (await ask({ port: one!, method: "HEAD" })) as Answer;
    assert.deepEqual([head.status, head.body.length, Number(head.headers["content-length"]) > 1_000], [200, 0, true]);
    assert.equal(((await ask({ port: one!, path: "/metrics/" })) as Answer).status, 404);
    assert.equal(((await ask({ port: one!, path: "/metrics?x=1" })) as Answer).status, 200);
  } finally {
    assert.equal(await server.stop(), 0);
  }
});

test("prometheus: counters never go back when workers die", { timeout: 60_000 }, async () => {
  const [port] = await freePorts(1);
  const server = await TestServer.start({
    corefile: `.:{PORT} {\n multisocket 2\n ${name} 127.0.0.1:${port}\n ${fault}\n}\n`,
  });
  const watched = ["coredns_dns_requests_total", "weftdns_datagrams_received_total", "weftdns_batches_total"];
  const seen = watched.map(() => 0);
  const look = async (): Promise<void> => {
    for (const [index, start] of watched.entries()) {
      const now = await sumOf(port!, start);
      assert.ok(now >= seen[index]!, `${start}: ${seen[index]} and then ${now}`);
      seen[index] = now;
    }
  };
  try {
    let answered = 0;
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 30; i++) if (await server.ask({ ask: "www.test. A" })) answered++;
      await look();
      assert.ok(seen[0]! >= answered, `${seen[0]} of ${answered}`);
      // Answers, and dies right behind it.
      await server.ask({ ask: "crash.test. A" });
      for (let i = 0; i < 20; i++) {
        await look();
        await sleep(5);
      }
    }
    assert.equal(await sumOf(port!, 'weftdns_worker_restarts_total{cause="error"}'), 3);
    assert.equal(await sumOf(port!, "weftdns_worker_restarts_total"), 3);
  } finally {
    await server.stop();
  }
});

test("prometheus: faults are panics, and count as dropped", { timeout: 60_000 }, async () => {
  const [port] = await freePorts(1);
  const server = await TestServer.start({ corefile: `.:{PORT} {\n ${name} 127.0.0.1:${port}\n ${fault}\n}\n` });
  try {
    for (const label of ["throw", "reject"]) {
      assert.equal((await server.ask({ ask: `${label}.test. A` }))?.rcode, "SERVFAIL");
    }
    assert.equal(await sumOf(port!, "coredns_panics_total "), 2);
    const dropped = 'coredns_dns_responses_total{plugin="",rcode="SERVFAIL",';
    assert.equal(await sumOf(port!, `${dropped}server="dns://:${server.port}",view="",zone="dropped"}`), 2);
    assert.equal(await sumOf(port!, "coredns_dns_requests_total"), 2);
  } finally {
    await server.stop();
  }
});

test("prometheus over a reload: always there, counters go on, gauges are those of the new plan", {
  timeout: 60_000,
}, async () => {
  const [port] = await freePorts(1);
  const block = (zone: string, plugin: string) => `${zone}:{PORT} {\n ${name} 127.0.0.1:${port}\n ${plugin}\n}\n`;
  const server = await TestServer.start({ corefile: block("a.test", "whoami") + block("b.test", "whoami") });
  let going = true;
  let refused = 0;
  const scraping = (async () => {
    while (going) if ((await get(port!, "/metrics")) === undefined) refused++;
  })();
  try {
    await server.ask({ ask: "www.b.test. A" });
    assert.equal(await sumOf(port!, "coredns_plugin_enabled"), 4);
    server.write("Corefile", block("a.test", "erratic"));
    server.signal("SIGUSR1");
    assert.ok(await server.line(/^\[INFO\] Reloading complete$/, 0, 10_000));
    assert.equal(await sumOf(port!, "coredns_plugin_enabled"), 2);
    assert.equal(await sumOf(port!, 'coredns_plugin_enabled{name="erratic"'), 1);
    assert.equal(await sumOf(port!, "coredns_dns_requests_total"), 1);
    going = false;
    await scraping;
    assert.equal(refused, 0);
    // And it closes with the last block that asks for it.
    server.write("Corefile", "a.test:{PORT} {\n whoami\n}\n");
    server.signal("SIGUSR1");
    const from = server.lines.length;
    assert.ok(await server.line(/^\[INFO\] Reloading complete$/, from, 10_000));
    assert.equal(await get(port!, "/metrics"), undefined);
  } finally {
    going = false;
    await scraping;
    await server.stop();
  }
});

const openssl = spawnSync("openssl", ["version"]).error === undefined;

test("prometheus over TLS, with clients that must show who they are", {
  skip: !openssl && "no openssl",
  timeout: 60_000,
}, async () => {
  const ports = await freePorts(4);
  const web = (clients: string) =>
    `tls_server_config: # comment\n  cert_file: "server.crt"\n  key_file: server.key\n${clients}http_server_config:\n  headers:\n    X-Frame-Options: deny\n`;
  const ca = "  client_ca_file: ca.crt\n";
  const server = await TestServer.start({
    corefile: ["one", "any", "given", "all"]
      .map(
        (file, i) =>
          `${file}.test:{PORT} {\n ${name} 127.0.0.1:${ports[i]} {\n  tls {DIR}/${file}.yml\n }\n whoami\n}\n`,
      )
      .join(""),
    files: {
      "one.yml": web(""),
      "any.yml": web("  client_auth_type: RequireAnyClientCert\n"),
      "given.yml": web(`  client_auth_type: VerifyClientCertIfGiven\n${ca}`),
      "all.yml": web(`  client_auth_type: RequireAndVerifyClientCert\n${ca}`),
      ...certificates(),
    },
  });
  try {
    const known = pair(server.directory, "server");
    const stranger = pair(server.directory, "stranger");
    for (const { port, nobody, right, wrong } of [
      { port: ports[0]!, nobody: true, right: true, wrong: true },
      { port: ports[1]!, nobody: false, right: true, wrong: true },
      { port: ports[2]!, nobody: true, right: true, wrong: false },
      { port: ports[3]!, nobody: false, right: true, wrong: false },
    ]) {
      for (const [client, passes] of [
        [{}, nobody],
        [known, right],
        [stranger, wrong],
      ] as const) {
        const answer = await ask({ port, rejectUnauthorized: false, ...client }, requestTls);
        assert.equal(typeof answer === "string" ? answer : answer.status, passes ? 200 : answer, `port ${port}`);
        assert.equal(typeof answer !== "string", passes, `port ${port} ${JSON.stringify(Object.keys(client))}`);
        if (typeof answer !== "string") assert.equal(answer.headers["x-frame-options"], "deny");
      }
    }
    assert.equal(typeof (await ask({ port: ports[0]! })), "string", "plain HTTP is not answered");
    // A new certificate is taken without a reload.
    const files = certificates();
    for (const [file, text] of Object.entries(files)) server.write(file, text);
    const renewed = await ask({ port: ports[0]!, ca: files["ca.crt"], servername: "localhost" }, requestTls);
    assert.equal((renewed as Answer).status, 200);
  } finally {
    await server.stop();
  }
});

function pair(directory: string, file: string): { cert: string; key: string } {
  const read = (path: string) => execFileSync("cat", [`${directory}/${path}`], { encoding: "utf8" });
  return { cert: read(`${file}.crt`), key: read(`${file}.key`) };
}

/** A CA with a certificate for servers and clients, and one of somebody else. */
function certificates(): Record<string, string> {
  const script = `cd "$(mktemp -d)"
    new="openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    $new -x509 -keyout ca.key -out ca.crt -days 2 -subj /CN=ca
    $new -x509 -keyout stranger.key -out stranger.crt -days 2 -subj /CN=stranger
    $new -keyout server.key -out request -subj /CN=localhost
    echo subjectAltName=DNS:localhost > names
    openssl x509 -req -in request -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 -extfile names
    for file in ca.crt server.crt server.key stranger.crt stranger.key; do echo "== $file" >&3; cat $file >&3; done
    rm -r "$PWD"`;
  const { output } = spawnSync("sh", ["-c", script], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
    encoding: "utf8",
  });
  const parts = output[3]!.split(/^== (.*)\n/m).slice(1);
  return Object.fromEntries(parts.flatMap((part, i) => (i % 2 === 0 ? [[part, parts[i + 1]!]] : [])));
}
