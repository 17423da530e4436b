import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "../../src/corefile/nearest.ts";

const KNOWN = ["forward", "whoami", "errors", "log", "loop", "cache", "kubernetes", "acl", "any"];

for (const { word, found } of [
  { word: "foward", found: "forward" },
  { word: "forwrad", found: "forward" },
  { word: "Cache", found: "cache" },
  { word: "whoami,", found: "whoami" },
  { word: "loog", found: "log" },
  { word: "lop", found: "loop" },
  { word: "eror", found: "errors" },
  { word: "acll", found: "acl" },
  { word: "anyal", found: "any" },
  { word: "lofs", found: undefined },
  { word: "acm", found: "acl" },
  { word: "axx", found: undefined },
  { word: "kubernets", found: "kubernetes" },
  { word: "kubernetesss", found: "kubernetes" },
  { word: "example.org", found: undefined },
  { word: "x", found: undefined },
  { word: "", found: undefined },
  { word: "l".repeat(100_000), found: undefined },
]) {
  test(`nearest: ${word.slice(0, 20)}`, () => assert.equal(nearest(word, KNOWN), found));
}

test("nearest: a letter is not another", () => assert.equal(nearest("c", ["a"]), undefined));
