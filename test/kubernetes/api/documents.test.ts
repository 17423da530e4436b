import assert from "node:assert/strict";
import { test } from "node:test";
import { BadStream, LineSplitter, ListSplitter, type Splitter } from "../../../src/kubernetes/api/documents.ts";

/** Pushes `text` in pieces of `size` bytes. */
function pushAll(splitter: Splitter, text: string | Buffer, size: number): void {
  const bytes = Buffer.from(text as string);
  for (let from = 0; from < bytes.length; from += size) splitter.push(bytes.subarray(from, from + size));
  splitter.end();
}

const TRICKY = [
  { metadata: { name: "a", note: 'brackets ]}{[ and "quotes" and \\ and \\" ' } },
  { metadata: { name: "ü – 漢字 – 😀" }, items: [[1, [2]], { items: [] }] },
  {},
  { deep: [[[[{ x: [{}] }]]]] },
];

for (const { name, text, objects, envelope } of [
  {
    name: "a list as the API writes it",
    text: `{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7","continue":"x"},"items":${JSON.stringify(TRICKY)}}\n`,
    objects: TRICKY,
    envelope: { kind: "PodList", apiVersion: "v1", metadata: { resourceVersion: "7", continue: "x" }, items: [] },
  },
  {
    name: "items first, with white space everywhere",
    text: JSON.stringify({ items: TRICKY, metadata: { resourceVersion: "7" } }, null, 2),
    objects: TRICKY,
    envelope: { items: [], metadata: { resourceVersion: "7" } },
  },
  { name: "no items", text: '{"items":[],"metadata":{}}', objects: [], envelope: { items: [], metadata: {} } },
  { name: "null for none", text: '{"items":null}', objects: [], envelope: { items: null } },
  {
    name: "other lists stay in the envelope",
    text: '{"other":[{"a":1}],"metadata":{"items":[{"b":2}]},"items":[{"c":3}]}',
    objects: [{ c: 3 }],
    envelope: { other: [{ a: 1 }], metadata: { items: [{ b: 2 }] }, items: [] },
  },
]) {
  test(`list: ${name}, in pieces of any size`, () => {
    for (let size = 1; size <= Buffer.byteLength(text); size++) {
      const got: unknown[] = [];
      const splitter = new ListSplitter((object) => got.push(object));
      pushAll(splitter, text, size);
      assert.deepEqual(got, objects);
      assert.deepEqual(splitter.envelope(), envelope);
    }
  });
}

test("list: cut at any byte it is an error, and what came before was whole", () => {
  const text = `{"metadata":{"resourceVersion":"7"},"items":${JSON.stringify(TRICKY)}}`;
  for (let end = 0; end < Buffer.byteLength(text); end++) {
    const got: unknown[] = [];
    const splitter = new ListSplitter((object) => got.push(object));
    assert.throws(() => {
      pushAll(splitter, Buffer.from(text).subarray(0, end), 16);
      splitter.envelope();
    }, BadStream);
    assert.deepEqual(got, TRICKY.slice(0, got.length));
  }
});

test("events: in pieces of any size, with blank lines between", () => {
  const text = `${TRICKY.map((object) => JSON.stringify(object)).join("\n\r\n")}\n`;
  for (let size = 1; size <= Buffer.byteLength(text); size++) {
    const got: unknown[] = [];
    pushAll(new LineSplitter((event) => got.push(event)), text, size);
    assert.deepEqual(got, TRICKY);
  }
});

test("events: cut at any byte but a line's end it is an error", () => {
  const bytes = Buffer.from('{"type":"ADDED","object":{"a":"ü"}}\n');
  for (let end = 1; end < bytes.length; end++) {
    const splitter = new LineSplitter(() => assert.fail("nothing is whole"));
    splitter.push(bytes.subarray(0, end));
    assert.throws(() => splitter.end(), BadStream);
  }
});

for (const { name, text } of [
  { name: "no JSON at all", text: "<html>502 Bad Gateway</html>" },
  { name: "a bracket too many", text: '{"items":[]}}' },
  { name: "an object that is none", text: '{"items":[{a}]}' },
  { name: "an envelope that is none", text: '{"items":[{}],,}' },
  { name: "something after the end", text: '{"items":[]} {}' },
  { name: "an envelope that does not end", text: `{"a":"${"x".repeat(300_000)}"}` },
]) {
  test(`list: ${name} is an error of the stream`, () => {
    const splitter = new ListSplitter(() => {});
    assert.throws(() => {
      pushAll(splitter, text, 1_000);
      splitter.envelope();
    }, BadStream);
  });
}

test("an object of 5 MB passes, one that never ends does not", () => {
  const large = { metadata: { name: "large" }, data: "y".repeat(5 * 1024 * 1024) };
  const sizes: number[] = [];
  const receive = (object: unknown) => sizes.push((object as typeof large).data.length);
  pushAll(new ListSplitter(receive), JSON.stringify({ items: [large, large] }), 65_536);
  pushAll(new LineSplitter(receive), `${JSON.stringify(large)}\n`, 65_536);
  assert.deepEqual(sizes, [large.data.length, large.data.length, large.data.length]);
  const piece = Buffer.alloc(1024 * 1024, "z");
  for (const endless of [new LineSplitter(() => {}), new ListSplitter(() => {})]) {
    endless.push(Buffer.from('{"items":[{"a":"'));
    assert.throws(() => {
      for (let i = 0; i < 40; i++) endless.push(piece);
    }, /longer than 33554432 bytes/);
  }
});
