import assert from "node:assert/strict";
import { test } from "node:test";
import { readHostLabel } from "../../../src/kubernetes/answer/host-label.ts";

for (const { label, address = "" } of [
  { label: "10-0-0-1", address: "0a000001" },
  { label: "fd00--1", address: "fd000000000000000000000000000001" },
  { label: "--1", address: "00000000000000000000000000000001" },
  { label: "1-2--3", address: "00010002000000000000000000000003" },
  { label: "fd00-1111-2222-3333-4444-5555-6666-7777", address: "fd001111222233334444555566667777" },
  { label: "10-0-0-256" },
  { label: "10-0-0-" },
  { label: "-10-0-0" },
  { label: "10-0-0-1-2" },
  { label: "fd00-1" },
  { label: "web" },
  { label: "fd00-1111-2222-3333-4444-5555-6666-77777" },
]) {
  test(`the address of a pod called ${label}`, () => {
    const out = new Uint8Array(16);
    const before = Buffer.from("x");
    const size = readHostLabel(Buffer.concat([before, Buffer.from([label.length]), Buffer.from(label)]), 1, out);
    assert.equal(Buffer.from(out.subarray(0, size)).toString("hex"), address);
  });
}
