/** Row K6: a start that cannot be ends within two seconds, not with 0, and says why in one line. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { test } from "node:test";
import { figure, sized } from "../faults/figures.ts";
import { TestServer } from "../support/server.ts";

/** On a machine that runs other tests beside, five times as long. */
const LIMIT_MS = sized(10_000, 2_000);

/** Ports that somebody else has, one for each protocol. */
async function takenPorts() {
  const udp = createSocket("udp4");
  await new Promise<void>((resolve) => udp.bind(0, "0.0.0.0", resolve));
  const tcp = createServer();
  await new Promise<void>((resolve) => tcp.listen(0, "0.0.0.0", resolve));
  const close = () => {
    udp.close();
    tcp.close();
  };
  return { UDP: `${udp.address().port}`, TCP: `${(tcp.address() as { port: number }).port}`, close };
}

for (const { name, corefile, says } of [
  { name: "a port that is taken for UDP", corefile: ".:{UDP} {\n bind 127.0.0.1\n whoami\n}", says: /{UDP}.*in use/ },
  { name: "a port that is taken for TCP", corefile: ".:{TCP} {\n bind 127.0.0.1\n whoami\n}", says: /{TCP}/ },
  {
    name: "a port of health that is taken",
    corefile: ".:{PORT} {\n whoami\n health 127.0.0.1:{TCP}\n}",
    says: /^listen tcp 127\.0\.0\.1:{TCP}: bind: address already in use$/,
  },
  {
    name: "a port of pprof that is taken, and lameduck",
    corefile: ".:{PORT} {\n whoami\n pprof 127.0.0.1:{TCP}\n health 127.0.0.1:{PORT2} {\n lameduck 60s\n }\n}",
    says: /^listen tcp 127\.0\.0\.1:{TCP}: bind: address already in use$/,
  },
  { name: "an address that is not ours", corefile: ".:{PORT} {\n bind 2001:db8::1\n whoami\n}", says: /2001:db8::1/ },
  {
    name: "an unknown plugin",
    corefile: ".:{PORT} {\n nobody\n}",
    says: /Corefile:2 - Error during parsing: Unknown directive 'nobody'$/,
  },
  { name: "forward without servers", corefile: ".:{PORT} {\n forward .\n}", says: /^plugin\/forward: .*Corefile:2 - / },
  { name: "a file of servers without one", corefile: ".:{PORT} {\n forward . {DIR}/none\n}", says: /forward/ },
]) {
  test(`a start with ${name}`, { timeout: 30_000 }, async () => {
    const { close, ...placeholders } = await takenPorts();
    try {
      const from = performance.now();
      const files = { none: "# no nameserver\n" };
      const { code, lines } = await TestServer.run({ corefile: `${corefile}\n`, placeholders, files });
      const took = performance.now() - from;
      assert.equal(code, 1);
      const pattern = says.source.replace("{UDP}", placeholders.UDP).replace("{TCP}", placeholders.TCP);
      const fitting = lines.filter((line) => new RegExp(pattern).test(line));
      assert.equal(fitting.length, 1, lines.join("\n"));
      figure({ row: "K6", what: "until the process has ended", value: Math.round(took), unit: "ms", atMost: LIMIT_MS });
    } finally {
      close();
    }
  });
}
