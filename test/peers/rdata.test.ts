/** Rdata against real programs: named loads a zone with a record of every type, dig shows what it makes of them. */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { typeNumber } from "../../src/dns/types.ts";
import { RDATA_VECTORS } from "../support/dns-vectors.ts";

const missing = ["named", "dig"].filter((program) => spawnSync(program, ["-v"]).error !== undefined);

/** What BIND 9.18 does not load (obsolete, unknown, only in messages) or does not give as an answer below the apex. */
const NOT_ANSWERED = new Set("MD MF CLA IPN TKEY TSIG SOA NS NSEC3".split(" "));
/** Where BIND prints what no RFC asks for: an IPv4-compatible address in dots, an empty word in A6. */
const PRINTED_OTHERWISE = new Set(["AAAA ::192.0.2.1", "A6 128 prefix.example.org."]);

const rows = RDATA_VECTORS.filter(({ type }) => !NOT_ANSWERED.has(type));

test("named and dig agree with us on every type", {
  skip: missing.length > 0 && `no ${missing.join(", ")}`,
}, async (context) => {
  const directory = mkdtempSync(join(tmpdir(), "weftdns-rdata-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const port = await freePort();
  const records = rows.map(({ type, text }, i) => `r${i} IN ${type} ${text}\n`);
  writeFileSync(
    join(directory, "zone"),
    `$TTL 60\n$ORIGIN z.test.\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n${records.join("")}`,
  );
  writeFileSync(
    join(directory, "conf"),
    `options { directory "${directory}"; listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; }; recursion no;
      pid-file none; session-keyfile none; dnssec-validation no; };
    controls { };
    zone "z.test" { type primary; file "zone"; check-names ignore; check-mx ignore; };`,
  );
  const named = spawn("named", ["-g", "-n", "1", "-c", join(directory, "conf")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  context.after(async () => {
    named.kill();
    if (named.exitCode === null) await once(named, "exit");
  });
  const log: string[] = [];
  for await (const line of createInterface(named.stderr)) {
    log.push(line);
    if (line.endsWith(" running")) break;
  }
  assert.ok(
    log.some((line) => line.endsWith("loaded serial 1")),
    log.join("\n"),
  );
  named.stderr.resume();

  writeFileSync(
    join(directory, "queries"),
    rows.map(({ type }, i) => `r${i}.z.test TYPE${typeNumber(type)}\n`).join(""),
  );
  const dig = (...options: string[]): Map<string, string> => {
    const common = [
      "@127.0.0.1",
      "-p",
      `${port}`,
      "+tcp",
      "+keepopen",
      "+noall",
      "+answer",
      "+nosplit",
      "+norrcomments",
    ];
    const output = execFileSync("dig", [...common, ...options, "-f", join(directory, "queries")], {
      encoding: "latin1",
    });
    // name, TTL, class, type, rdata
    const lines = output.matchAll(/^(r\d+)\.z\.test\.[ \t]+60[ \t]+\S+[ \t]+\S+[ \t]?(.*)$/gm);
    return new Map([...lines].map(([, name, rdata]) => [name!, rdata!.trim()]));
  };
  const generic = dig("+unknownformat");
  const texts = dig();
  for (const [i, { type, text, hex, printed = text }] of rows.entries()) {
    const bytes = generic
      .get(`r${i}`)
      ?.replace(/^\\# \d+/, "")
      .replaceAll(" ", "")
      .toLowerCase();
    assert.equal(bytes, hex, `${type} ${text}`);
    if (!PRINTED_OTHERWISE.has(`${type} ${text}`)) assert.equal(texts.get(`r${i}`), printed, type);
  }
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
