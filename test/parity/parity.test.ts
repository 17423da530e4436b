/**
 * Runs the cases of `cases/` on our server and on CoreDNS: what case.ts describes must hold on both. CoreDNS is the
 * program in the variable COREDNS, or `coredns` on the PATH or in ~/go/bin; without one its half is skipped, except in CI.
 */
import assert from "node:assert/strict";
import { accessSync, constants, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiServer } from "../support/api-server.ts";
import { get } from "../support/http.ts";
import { freePorts, ourCommand, TestServer } from "../support/server.ts";
import type { Action, HttpCase, ParityCase, ParityServer } from "./case.ts";
import { checkReply } from "./check.ts";
import { ScriptedUpstream } from "./upstream.ts";

/** Whether a reply is missing is known after this long. */
const NO_REPLY_MS = 500;
/** Lines may follow their reply by this long. */
const LINE_MS = 3_000;
/** How long to wait for the lines of earlier questions, or for those that must not come. */
const QUIET_MS = 60;
const RETRY_MS = 40;
/** A profile of a second takes two in a busy machine. What is compared is what is said, not when. */
const HTTP_WAIT_MS = 10_000;

/** Most of the time they wait. */
const SERVERS_AT_ONCE = 4;

/** PARITY=word runs only the servers with that word in their name. */
const only = process.env.PARITY;
const servers: ParityServer[] = [];
for (const file of readdirSync(join(import.meta.dirname, "cases")).sort()) {
  servers.push(...(await import(`./cases/${file}`)).servers);
}

for (const side of ["weftdns", "coredns"] as const) {
  const command = side === "weftdns" ? executable([ourCommand]) : findCoreDns();
  describe(side, { concurrency: SERVERS_AT_ONCE }, () => {
    if (command === undefined) {
      const missing = `${side} is not here: ${side === "weftdns" ? "build it first" : "put coredns on the PATH or name it in COREDNS"}`;
      if (side === "coredns" && process.env.CI === "true") test(missing, () => assert.fail(missing));
      else test("all cases", { skip: missing }, () => {});
      return;
    }
    for (const server of servers) {
      if (only === undefined || server.name.includes(only))
        test(server.name, (context) => runServer(server, side, command, context));
    }
  });
}

type Side = "weftdns" | "coredns";

interface Running {
  readonly side: Side;
  readonly server: TestServer;
  readonly upstreams: ReadonlyMap<string, ScriptedUpstream>;
  readonly api: ApiServer | undefined;
}

/** Starts the server, asks its cases one after the other, and stops it; it must end well. */
async function runServer(script: ParityServer, side: Side, command: string, context: TestContext): Promise<void> {
  const running = { ...(await start(script, command)), side };
  const { server, upstreams, api } = running;
  try {
    for (const pattern of script.prints ?? []) checkPrinted(server.fill(pattern), server.lines, 1);
    for (const one of script.cases) {
      const expected = side === "weftdns" ? { ...one, ...one.ours } : one;
      await context.test(one.name ?? one.ask, () => runCase(expected, running));
    }
  } finally {
    const code = await server.stop();
    for (const upstream of upstreams.values()) await upstream.stop();
    await api?.close();
    // CoreDNS answers before it takes signals: on a busy machine a short list of cases ends it in between.
    const isFine = code === 0 || (side === "coredns" && code === null);
    assert.ok(isFine, `exit code ${code}; it printed\n${server.lines.slice(-20).join("\n")}`);
  }
}

async function start(script: ParityServer, command: string): Promise<Omit<Running, "side">> {
  const scripts = Object.entries(script.upstreams ?? {});
  const ports = await freePorts(scripts.length);
  const upstreams = new Map(scripts.map(([name, rules], i) => [name, new ScriptedUpstream(name, rules, ports[i]!)]));
  for (const [name, rules] of scripts) if (!rules.down) await upstreams.get(name)!.start();
  const api = script.objects && (await ApiServer.start({ objects: script.objects }));
  const placeholders = Object.fromEntries(
    [...upstreams].map(([name, { port }]) => [`UP:${name}`, `127.0.0.1:${port}`]),
  );
  if (api) placeholders.API = api.url;
  try {
    return { server: await TestServer.start({ ...script, placeholders, command }), upstreams, api };
  } catch (error) {
    for (const upstream of upstreams.values()) await upstream.stop();
    await api?.close();
    throw error;
  }
}

async function runCase(one: ParityCase, running: Running): Promise<void> {
  const { server, upstreams } = running;
  for (const action of one.before ?? []) await act(action, running);
  if (one.log || one.notLog) await sleep(QUIET_MS);
  const firstLine = server.lines.length;
  for (const upstream of upstreams.values()) upstream.asked.length = 0;

  for (let left = one.times ?? 1; left > 0; left--) await askUntilHolds(one, server);

  const wanted = (one.log ?? []).map((pattern) => server.fill(pattern));
  for (const request of one.http ?? []) await runHttp(request, running);
  await Promise.all(wanted.map((pattern) => server.line(linePattern(pattern), firstLine, LINE_MS)));
  if (one.notLog) await sleep(QUIET_MS);
  const printed = server.lines.slice(firstLine);
  for (const pattern of wanted) checkPrinted(pattern, printed, 1);
  for (const pattern of one.notLog ?? []) checkPrinted(pattern, printed, 0);
  if (one.asked)
    checkAsked(
      one.asked,
      [...upstreams.values()].flatMap((upstream) => upstream.asked),
    );
}

async function runHttp({ get: at, status, type, body }: HttpCase, { server, side }: Running): Promise<void> {
  const place = server.fill(at);
  const port = Number.parseInt(place, 10);
  const ask = () => get(port, place.slice(String(port).length), HTTP_WAIT_MS);
  let reply = await ask();
  // CoreDNS counts a query after it has answered, on a busy machine a moment later.
  for (let left = side === "coredns" && body instanceof RegExp ? 20 : 0; left > 0; left--) {
    if (body instanceof RegExp && body.test(reply?.text ?? "")) break;
    await sleep(50);
    reply = await ask();
  }
  assert.equal(reply?.status ?? 0, status, `status of ${place}: ${reply?.text}`);
  if (type !== undefined) assert.equal(reply?.type, type, `type of ${place}`);
  if (body instanceof RegExp) assert.match(reply?.text ?? "", body);
  else if (body !== undefined) assert.equal(reply?.text, body, `body of ${place}`);
}

async function askUntilHolds(one: ParityCase, server: TestServer): Promise<void> {
  const deadline = performance.now() + (one.withinMs ?? 0);
  for (;;) {
    try {
      const reply = await server.ask(one, one.reply.noReply ? NO_REPLY_MS : undefined);
      checkReply(reply, one);
      return;
    } catch (error) {
      if (performance.now() >= deadline) throw error;
      await sleep(RETRY_MS);
    }
  }
}

async function act(action: Action, { server, upstreams, api }: Running): Promise<void> {
  if ("write" in action) server.write(action.write, action.text);
  else if ("apply" in action) api!.apply(action.apply);
  else if ("delete" in action) api!.remove(action.delete);
  else if ("remove" in action) server.remove(action.remove);
  else if ("stop" in action) await upstreams.get(action.stop)!.stop();
  else if ("start" in action) await upstreams.get(action.start)!.start();
  else if ("signal" in action) server.signal(action.signal);
  else await sleep(action.waitMs);
}

function checkPrinted(pattern: string, lines: readonly string[], times: number): void {
  const count = lines.filter((line) => linePattern(pattern).test(line)).length;
  assert.equal(count, times, `times that '${pattern}' was printed, among\n${lines.join("\n")}`);
}

/** Each expected line is the beginning of another query that was seen, letter case aside; none may be left over. */
function checkAsked(expected: readonly string[], seen: readonly string[]): void {
  const left = seen.map((query) => query.toLowerCase());
  for (const line of expected.map((one) => one.toLowerCase())) {
    const index = left.findIndex((query) => query === line || query.startsWith(`${line} `));
    assert.ok(index >= 0, `no upstream was asked '${line}', but\n${seen.join("\n")}`);
    left.splice(index, 1);
  }
  assert.deepEqual(left, [], "upstreams were asked more than expected");
}

function linePattern(pattern: string): RegExp {
  const literal = pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${literal.join("\\S*")}$`);
}

function findCoreDns(): string | undefined {
  if (process.env.COREDNS) return process.env.COREDNS;
  const directories = [...(process.env.PATH ?? "").split(delimiter), join(homedir(), "go/bin")];
  return executable(directories.filter((directory) => directory !== "").map((directory) => join(directory, "coredns")));
}

function executable(candidates: readonly string[]): string | undefined {
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
