import assert from "node:assert/strict";
import { test } from "node:test";
import { Name } from "../../src/dns/name.ts";
import { nameToWire } from "../../src/dns/name-text.ts";
import { ZoneFinder } from "../../src/dns/zone-finder.ts";

function nameOf(text: string): Name {
  const name = new Name();
  name.set(nameToWire(text) as Uint8Array);
  return name;
}

const few = ["example.org.", "a.example.org.", "test."];
/** So many that they stand in a table. */
const many = Array.from({ length: 300 }, (_, i) => `zone${i}.test.`);

for (const { zones, name, found } of [
  { zones: [], name: "www.example.org.", found: undefined },
  { zones: few, name: "www.example.org.", found: "example.org." },
  { zones: few, name: "example.org.", found: "example.org." },
  { zones: few, name: "b.a.example.org.", found: "a.example.org." },
  { zones: few, name: "ba.example.org.", found: "example.org." },
  { zones: few, name: "org.", found: undefined },
  { zones: few, name: ".", found: undefined },
  { zones: ["кластер.test."], name: "www.example.org.", found: undefined },
  { zones: ["例.test."], name: "www.\\228\\190\\139.test.", found: "例.test." },
  { zones: ["."], name: "www.example.org.", found: "." },
  { zones: [".", "example.org."], name: "www.example.org.", found: "example.org." },
  { zones: [".", "example.org."], name: ".", found: "." },
  { zones: many, name: "www.zone17.test.", found: "zone17.test." },
  { zones: many, name: "www.xzone17.test.", found: undefined },
  { zones: many, name: "test.", found: undefined },
  { zones: [...many, "a.zone299.test."], name: "b.a.zone299.test.", found: "a.zone299.test." },
  { zones: [...many, "."], name: "zone300.test.", found: "." },
  { zones: [...many, "."], name: ".", found: "." },
]) {
  test(`zone finder: ${name} in ${zones.length} zones: ${found}`, () => {
    const finder = new ZoneFinder(zones);
    assert.equal(zones[finder.find(nameOf(name))], found);
    assert.equal(finder.has(nameOf(name)), found !== undefined);
  });
}

for (const more of [[], many]) {
  test(`zone finder: of equal zones among ${more.length + 2} the first`, () => {
    assert.equal(new ZoneFinder(["example.org.", "example.org.", ...more]).find(nameOf("example.org.")), 0);
  });
}
