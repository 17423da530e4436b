import assert from "node:assert/strict";
import { test } from "node:test";
import { splitAddress } from "../../src/corefile/host-port.ts";

for (const { text, defaultPort, host, port } of [
  { text: "localhost:9153", host: "localhost", port: 9153 },
  { text: ":8080", host: "", port: 8080 },
  { text: "192.0.2.1:53", host: "192.0.2.1", port: 53 },
  { text: "192.0.2.1", defaultPort: 53, host: "192.0.2.1", port: 53 },
  { text: "192.0.2.1" },
  { text: "[2001:db8::1]:53", host: "2001:db8::1", port: 53 },
  { text: "[2001:db8::1]", defaultPort: 53, host: "2001:db8::1", port: 53 },
  { text: "2001:db8::1", defaultPort: 53, host: "2001:db8::1", port: 53 },
  { text: "2001:db8::1" },
  { text: "[fe80::1%eth0]:53", host: "fe80::1%eth0", port: 53 },
  { text: "localhost:0", host: "localhost", port: 0 },
  { text: "localhost:65536" },
  { text: "localhost:" },
  { text: "localhost:http" },
  { text: "localhost:-1" },
  { text: "a:b:53" },
  { text: "[localhost]:53" },
  { text: "[2001:db8::1]53", defaultPort: 53 },
  { text: "", defaultPort: 53 },
  { text: "a b:53" },
] as { text: string; defaultPort?: number; host?: string; port?: number }[]) {
  test(`address: '${text}'${defaultPort === undefined ? "" : ` or port ${defaultPort}`}`, () => {
    assert.deepEqual(splitAddress(text, defaultPort), host === undefined ? undefined : { host, port });
  });
}
