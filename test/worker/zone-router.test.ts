import assert from "node:assert/strict";
import { test } from "node:test";
import { Name } from "../../src/dns/name.ts";
import { ZoneRouter } from "../../src/worker/zone-router.ts";
import { wireName } from "../support/dns-text.ts";

const zones = ["org.", "example.org.", ".", "a\\.b.org.", "example.org."];
const router = new ZoneRouter(zones.map((text, number) => ({ zone: wireName(text), target: `${text} ${number}` })));

for (const { name, label, targets } of [
  { name: "www.example.org.", label: 0, targets: undefined },
  { name: "www.example.org.", label: 1, targets: ["example.org. 1", "example.org. 4"] },
  { name: "www.example.org.", label: 2, targets: ["org. 0"] },
  { name: "WWW.eXAMPLE.Org.", label: 1, targets: ["example.org. 1", "example.org. 4"] },
  { name: "a.b.org.", label: 0, targets: undefined },
  { name: "a\\.b.org.", label: 0, targets: ["a\\.b.org. 3"] },
  { name: "example.com.", label: 0, targets: undefined },
])
  test(`router: ${name} from label ${label}`, () => assert.deepEqual(router.at(nameOf(name), label), targets));

test("router: the root stands apart", () => {
  assert.deepEqual(router.root, [". 2"]);
  assert.equal(router.onlyRoot, false);
});

for (const { list, onlyRoot } of [
  { list: ["."], onlyRoot: true },
  { list: [".", "."], onlyRoot: true },
  { list: ["org."], onlyRoot: false },
])
  test(`router: ${list.join(" ")}`, () => {
    const made = new ZoneRouter(list.map((text) => ({ zone: wireName(text), target: text })));
    assert.equal(made.onlyRoot, onlyRoot);
    assert.equal(made.at(nameOf("www.example.com."), 1), undefined);
  });

test("router: each of 3,000 zones is found, and no other", () => {
  const many = Array.from({ length: 3_000 }, (_, i) => `z${i}.example.org.`);
  const made = new ZoneRouter(many.map((text) => ({ zone: wireName(text), target: text })));
  for (const text of many) assert.deepEqual(made.at(nameOf(`www.${text}`), 1), [text]);
  for (let i = 3_000; i < 6_000; i++) assert.equal(made.at(nameOf(`z${i}.example.org.`), 0), undefined);
});

function nameOf(text: string): Name {
  const name = new Name();
  name.set(new Uint8Array(wireName(text)));
  return name;
}
