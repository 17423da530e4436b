import assert from "node:assert/strict";
import { test } from "node:test";
import { nameToWire } from "../../src/dns/name-text.ts";
import { restoreLetters } from "../../src/upstream/letter-case.ts";
import { recordWire } from "../support/wire.ts";

const wire = (text: string): Uint8Array => nameToWire(text) as Uint8Array;
const CLIENT = "Www.Sub.Example.org.";
const SENT = "wWw.sUB.eXaMPle.ORG.";

function restored(records: readonly Buffer[]): Buffer[] {
  const question = Buffer.concat([wire(CLIENT), Buffer.from([0, 1, 0, 1])]);
  // In front of the message something else, so that offsets are taken from its start.
  const before = Buffer.alloc(7, 0xff);
  const message = Buffer.concat([before, Buffer.alloc(12), question, ...records]);
  const questionEnd = 12 + question.length;
  restoreLetters(message, 7, questionEnd, message.length, wire(SENT), 0, wire(CLIENT), 0, wire(CLIENT).length);
  let at = 7 + questionEnd;
  return records.map((record) => {
    at += record.length;
    return message.subarray(at - record.length, at);
  });
}

for (const { name, from, to } of [
  { name: "an owner", from: `${SENT} 1 IN A 192.0.2.1`, to: `${CLIENT} 1 IN A 192.0.2.1` },
  { name: "an owner above", from: "eXaMPle.ORG. 1 IN A 192.0.2.1", to: "Example.org. 1 IN A 192.0.2.1" },
  { name: "an owner below", from: `A.${SENT} 1 IN A 192.0.2.1`, to: `A.${CLIENT} 1 IN A 192.0.2.1` },
  { name: "other letters", from: "WWW.sub.example.com. 1 IN A 192.0.2.1", to: "WWW.sub.example.com. 1 IN A 192.0.2.1" },
  { name: "a longer label", from: "xeXaMPle.ORG. 1 IN A 192.0.2.1", to: "xeXaMPle.org. 1 IN A 192.0.2.1" },
  { name: "the root", from: ". 1 IN NS a.", to: ". 1 IN NS a." },
  { name: "an alias", from: `x. 1 IN CNAME a.${SENT}`, to: `x. 1 IN CNAME a.${CLIENT}` },
  { name: "a mail server", from: `x. 1 IN MX 10 a.${SENT}`, to: `x. 1 IN MX 10 a.${CLIENT}` },
  { name: "a service", from: `x. 1 IN SRV 1 2 3 a.${SENT}`, to: `x. 1 IN SRV 1 2 3 a.${CLIENT}` },
  {
    name: "both names of SOA",
    from: `x. 1 IN SOA a.${SENT} b.${SENT} 1 2 3 4 5`,
    to: `x. 1 IN SOA a.${CLIENT} b.${CLIENT} 1 2 3 4 5`,
  },
  {
    name: "a rule",
    from: `x. 1 IN NAPTR 1 2 "s" "SIP+D2U" "!^.*$!a!" a.${SENT}`,
    to: `x. 1 IN NAPTR 1 2 "s" "SIP+D2U" "!^.*$!a!" a.${CLIENT}`,
  },
  { name: "a binding", from: `x. 1 IN SVCB 1 a.${SENT} port=53`, to: `x. 1 IN SVCB 1 a.${CLIENT} port=53` },
  { name: "a web server", from: `x. 1 IN HTTPS 1 ${SENT} alpn=h2`, to: `x. 1 IN HTTPS 1 ${CLIENT} alpn=h2` },
  { name: "its zone alone", from: "x. 1 IN HTTPS 1 a.eXaMPle.ORG.", to: "x. 1 IN HTTPS 1 a.eXaMPle.ORG." },
  // RFC 6840 section 5.1: the letters of NSEC's name are signed.
  { name: "NSEC keeps its data", from: `x. 1 IN NSEC a.${SENT} A`, to: `x. 1 IN NSEC a.${SENT} A` },
  { name: "text keeps its data", from: `x. 1 IN TXT "${SENT}"`, to: `x. 1 IN TXT "${SENT}"` },
]) {
  test(`letters restored: ${name}`, () => {
    const [first, second] = restored([recordWire(from), recordWire(from)]);
    assert.deepEqual(first, recordWire(to));
    assert.deepEqual(second, recordWire(to));
  });
}

test("letters restored: bytes of any kind end in no error", () => {
  for (let seed = 0; seed < 300; seed++) {
    const junk = Buffer.from(Array.from({ length: seed % 60 }, (_, i) => (seed * 31 + i * i * 17) & 0xff));
    restored([recordWire(`${SENT} 1 IN SOA ${SENT} ${SENT} 1 2 3 4 5`).subarray(0, seed % 90), junk]);
  }
});
