import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { native } from "../../src/native/index.ts";
import { addressesByAddon, addressesByNode } from "../../src/transport/interfaces.ts";
import { whyNoNetwork } from "../support/programs.ts";
import { skipNative } from "./udp-support.ts";

for (const { way, read, skip } of [
  { way: "the addon", read: (name: string) => addressesByAddon(native!, name), skip: skipNative },
  {
    way: "the addon, with little room",
    read: (name: string) => addressesByAddon(native!, name, Buffer.alloc(1)),
    skip: skipNative,
  },
  { way: "Node.js", read: addressesByNode, skip: false },
]) {
  test(`interfaces: by ${way}`, { skip }, () => {
    for (const [name, entries] of Object.entries(networkInterfaces())) {
      const expected = entries!.map(({ address, scopeid }) => (scopeid ? `${address}%${name}` : address));
      assert.deepEqual(read(name), expected, name);
    }
    for (const name of ["", "nope0", "l", ":", "..", "x".repeat(300)]) assert.equal(read(name), undefined, name);
  });
}

test("interfaces: one that is down", { skip: whyNoNetwork() }, () => {
  const module = import.meta.resolve("../../src/transport/interfaces.ts");
  const script = `
    const { interfaceAddresses } = await import(${JSON.stringify(module)});
    console.log(JSON.stringify(interfaceAddresses("lo")));`;
  const add = "ip address add 10.78.0.1/24 dev lo; ip address add 10.78.0.2/24 dev lo label lo:1";
  for (const { setup, addon, expected } of [
    { setup: "true", addon: "on", expected: [] },
    { setup: add, addon: "on", expected: ["10.78.0.1", "10.78.0.2"] },
    { setup: add, addon: "off", expected: [] },
  ]) {
    const run = `${setup}; exec "$0" --input-type=module -e "$1"`;
    const output = execFileSync("unshare", ["-n", "sh", "-ec", run, process.execPath, script], {
      env: { ...process.env, WEFTDNS_NATIVE: addon },
    });
    assert.deepEqual(JSON.parse(String(output)), expected, `${setup}, addon ${addon}`);
  }
});
