/**
 * Rows I1 and I6 against the whole server: more than it can answer. From an address for nearly every query: nobody can be told
 * from the others then, so nobody may fare worse than the rest, not the server, and not who has always asked little. From two
 * clients that ask equally often, one for what is dear.
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { dropsOf } from "../../bench/load/metrics.ts";
import { countOf, type Histogram, percentileMicros } from "../../bench/load/statistics.ts";
import { buildTools, tool } from "../../bench/load/tools.ts";
import { residentMiB } from "../../bench/load/usage.ts";
import { freePorts, TestServer } from "../support/server.ts";
import { figure, sized } from "./figures.ts";

before(buildTools);

interface Kind {
  readonly sent: number;
  readonly answered: number;
  readonly latency: Histogram;
}

const ADDRESSES = 1_000_000;
const QUIET = 20;
const QUIET_RATE = 100;
/** Enough for all that one CPU can send. */
const CROWD_RATE = 400_000;

/** Its answers are made anew each time, so that one CPU can send several times what the server can take. */
const corefile = `.:{PORT} {
  multisocket 1
  prometheus 127.0.0.1:{PORT2}
  rewrite name regex (.*)[.]example[.]org {1}.example.com
  template IN A {
    match ^host([0-9]+)[.]example[.]com[.]$
    answer "{{ .Name }} 60 IN A 10.0.0.1"
  }
}
`;

async function flood(
  port: number,
  crowdRate: number,
  seconds: number,
  addresses: number = ADDRESSES,
): Promise<{ quiet: Kind; loud: Kind }> {
  const names = ["--names", "host%d.example.org", "--count", "10000"];
  const quiet = ["--sources", `${QUIET}`, "--rate", `${QUIET_RATE}`];
  const crowd = ["--loud", `${crowdRate}`, "--spread", `${addresses}`];
  const parameters = ["--port", `${port}`, ...names, ...quiet, ...crowd, "--seconds", `${seconds}`];
  const { stdout } = await promisify(execFile)(tool("flood"), parameters);
  return JSON.parse(stdout);
}

/** Answers a second to a load that waits for them. */
async function capacityOf(port: number): Promise<number> {
  const names = ["--names", "host%d.example.org", "--count", "10000"];
  const window = ["--seconds", "1", "--warmup", "1"];
  const { stdout } = await promisify(execFile)(tool("load"), ["--port", `${port}`, ...names, ...window]);
  return JSON.parse(stdout).received;
}

test("I1: more than the capacity, each query from another of a million addresses", { timeout: 120_000 }, async (t) => {
  const server = await TestServer.start({ corefile });
  t.after(async () => assert.equal(await server.stop(), 0));
  const capacityBefore = await capacityOf(server.port);
  const before = { mib: residentMiB(server.pid), drops: await dropsOf(server.port2) };
  let most = 0;
  const looks = setInterval(() => {
    most = Math.max(most, residentMiB(server.pid) - before.mib);
  }, 100);
  const seconds = sized(3, 15);
  const { quiet, loud } = await flood(server.port, CROWD_RATE, seconds);
  clearInterval(looks);
  // What had queued up was taken, and counted, a moment later.
  await sleep(500);
  const drops = (await dropsOf(server.port2)) - before.drops;
  const after = await flood(server.port, 0, sized(1, 3));
  // Others use the machine as well.
  const capacity = (capacityBefore + (await capacityOf(server.port))) / 2;

  const sent = quiet.sent + loud.sent;
  const answered = quiet.answered + loud.answered;
  const share = ({ sent, answered }: Kind) => (100 * answered) / sent;
  const rounded = (value: number, digits = 1) => Number(value.toFixed(digits));
  const addresses = Math.min(loud.sent, ADDRESSES);
  figure({ row: "I1", what: "addresses", value: addresses, atLeast: sized(100_000, ADDRESSES) });
  figure({ row: "I1", what: "sent, of the capacity", value: rounded(sent / seconds / capacity), unit: "×" });
  const goodput = rounded((100 * answered) / seconds / capacity, 0);
  figure({ row: "I1", what: "answered, of the capacity", value: goodput, unit: "%", atLeast: sized(20, 80) });
  figure({
    row: "I1",
    what: "quiet clients: answered less often than the crowd by",
    value: rounded(share(loud) - share(quiet)),
    unit: "%",
    atMost: 5,
  });
  const p99Ms = rounded(percentileMicros(quiet.latency, 0.99) / 1e3, 0);
  figure({ row: "I1", what: "p99 of the quiet clients", value: p99Ms, unit: "ms", atMost: sized(1_000, 250) });
  figure({ row: "I1", what: "memory", value: rounded(most), unit: "MiB", atMost: 24 });
  const apart = rounded((100 * Math.abs(sent - answered - drops)) / Math.max(sent - answered, 1_000));
  figure({ row: "I1", what: "lost and not counted as dropped", value: apart, unit: "%", atMost: 1 });
  assert.equal(countOf(quiet.latency), quiet.answered);
  assert.equal(after.quiet.answered, after.quiet.sent, "behind the flood everybody is answered");
});

test("I1: more than the capacity, from a hundred addresses alike", { timeout: 60_000 }, async (t) => {
  const server = await TestServer.start({ corefile });
  t.after(async () => assert.equal(await server.stop(), 0));
  // Until it is known who they are, everybody loses alike.
  await flood(server.port, CROWD_RATE, 2, 100);
  const { quiet, loud } = await flood(server.port, CROWD_RATE, sized(2, 10), 100);
  const lost = ({ sent, answered }: Kind) => Number((100 - (100 * answered) / sent).toFixed(1));
  figure({ row: "I1", what: "a hundred loud clients lose", value: lost(loud), unit: "%" });
  figure({ row: "I1", what: "quiet ones beside them", value: lost(quiet), unit: "%", atMost: sized(80, 10) });
});

test("I6: of two that ask equally often, who asks for names that have to be fetched gets fewer answers", {
  timeout: 60_000,
}, async (t) => {
  const [port] = await freePorts(1);
  const upstream = spawn(tool("upstream"), ["--port", `${port}`], { stdio: "ignore" });
  const server = await TestServer.start({
    corefile: `.:{PORT} {\n  multisocket 1\n  cache 3600\n  forward . 127.0.0.1:${port}\n}\n`,
  });
  t.after(async () => {
    assert.equal(await server.stop(), 0);
    upstream.kill();
  });
  const ask = async (kind: "quiet" | "loud", names: string, count: number, order: string): Promise<Kind> => {
    const pace = kind === "quiet" ? ["--rate", "120000"] : ["--rate", "1", "--loud", "120000"];
    const parameters = ["--port", `${server.port}`, "--names", names, "--count", `${count}`, "--order", order];
    const window = ["--sources", "1", "--seconds", `${sized(3, 10)}`];
    const { stdout } = await promisify(execFile)(tool("flood"), [...parameters, ...pace, ...window]);
    return JSON.parse(stdout)[kind];
  };
  const [cheap, dear] = await Promise.all([
    ask("quiet", "host%d.example.org", 1_000, "uniform"),
    ask("loud", "fetched%d.example.org", 2 ** 24, "sequence"),
  ]);
  const percent = ({ sent, answered }: Kind) => Number(((100 * answered) / sent).toFixed(1));
  figure({ row: "I6", what: "over UDP: answered of what is kept", value: percent(cheap), unit: "%" });
  figure({ row: "I6", what: "over UDP: answered of what is fetched", value: percent(dear), unit: "%", atLeast: 1 });
  const ratio = Number((percent(cheap) / percent(dear)).toFixed(2));
  figure({ row: "I6", what: "over UDP: the former by the latter", value: ratio, unit: "×", atLeast: sized(0.9, 2) });
});
