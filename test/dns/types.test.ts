import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Class,
  className,
  classNumber,
  opcodeName,
  Rcode,
  rcodeName,
  rcodeNumber,
  Type,
  typeName,
  typeNumber,
} from "../../src/dns/types.ts";

for (const { text, number } of [
  { text: "A", number: 1 },
  { text: "aaaa", number: 28 },
  { text: "nsap-ptr", number: 23 },
  { text: "TYPE1", number: 1 },
  { text: "type65399", number: 65399 },
  { text: "TYPE00001", number: 1 },
  { text: "TYPE65535", number: 65535 },
  { text: "TYPE65536", number: -1 },
  { text: "TYPE", number: -1 },
  { text: "TYPE1x", number: -1 },
  { text: "TYPE-1", number: -1 },
  { text: "TYPE000001", number: -1 },
  { text: "CLASS1", number: -1 },
  { text: "constructor", number: -1 },
  { text: "", number: -1 },
])
  test(`type ${JSON.stringify(text)} is ${number}`, () => assert.equal(typeNumber(text), number));

for (const { text, number } of [
  { text: "IN", number: 1 },
  { text: "ch", number: 3 },
  { text: "any", number: 255 },
  { text: "Class42", number: 42 },
  { text: "CLASS65536", number: -1 },
  { text: "TYPE42", number: -1 },
])
  test(`class ${text} is ${number}`, () => assert.equal(classNumber(text), number));

for (const { name, printed } of [
  { name: typeName(Type.HTTPS), printed: "HTTPS" },
  { name: typeName(Type["NSAP-PTR"]), printed: "NSAP-PTR" },
  { name: typeName(0), printed: "None" },
  { name: typeName(65399), printed: "TYPE65399" },
  { name: typeName(65535), printed: "Reserved" },
  { name: className(Class.CH), printed: "CH" },
  { name: className(Class.ANY), printed: "CLASS255" },
  { name: className(42), printed: "CLASS42" },
  { name: rcodeName(Rcode.NOERROR), printed: "NOERROR" },
  { name: rcodeName(Rcode.BADVERS), printed: "BADSIG" },
  { name: rcodeName(Rcode.BADCOOKIE), printed: "BADCOOKIE" },
  { name: rcodeName(12), printed: "12" },
  { name: opcodeName(4), printed: "NOTIFY" },
  { name: opcodeName(3), printed: "OPCODE3" },
])
  test(`printed as CoreDNS does: ${printed}`, () => assert.equal(name, printed));

test("every mnemonic leads to its number and back", () => {
  for (const [name, number] of Object.entries(Type)) {
    assert.equal(typeNumber(name), number);
    assert.equal(typeNumber(name.toLowerCase()), number);
    assert.equal(typeName(number), name);
  }
  for (const [name, number] of Object.entries(Rcode)) assert.equal(rcodeNumber(name.toLowerCase()), number);
  assert.equal(rcodeNumber("BADSIG"), Rcode.BADVERS);
  assert.equal(rcodeNumber("12"), -1);
});
