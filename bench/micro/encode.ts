/** Writing a reply: the question again, records with compressed names, OPT, header. */
import { nameToWire } from "../../src/dns/name-text.ts";
import { Section } from "../../src/dns/reply.ts";
import { Class, Type } from "../../src/dns/types.ts";
import { type Case, Desk, messages } from "./harness.ts";

const limit = 1_232;
const ttl = 300;

export function cases(): Case[] {
  return [
    { name: "nothing: reading the query", run: reading() },
    writing("an empty reply", 0, false),
    writing("one address", 1, false),
    writing("one address, and OPT", 1, true),
    writing("ten addresses", 10, false),
    writing("ten names", 10, false, names),
  ];
}

type Records = { type: number; data: Uint8Array[] };

const addresses: Records = {
  type: Type.A,
  data: Array.from({ length: 10 }, (_, i) => new Uint8Array([192, 0, 2, i])),
};
/** NS records whose names end as the question does: the compression has something to find. */
const names: Records = {
  type: Type.NS,
  data: Array.from({ length: 10 }, (_, i) => nameToWire(`ns${i}.example.org.`) as Uint8Array),
};

function reading(): (count: number) => void {
  const desk = new Desk();
  const list = messages(1_024);
  return (count) => {
    for (let i = 0; i < count; i++) desk.read(list[i & 1_023]!, i);
  };
}

function writing(name: string, records: number, edns: boolean, { type, data }: Records = addresses): Case {
  const desk = new Desk();
  const list = messages(1_024, { edns });
  return {
    name,
    run: (count) => {
      const { query } = desk;
      const { reply } = query;
      for (let i = 0; i < count; i++) {
        desk.read(list[i & 1_023]!, i);
        reply.begin(query);
        const owner = query.name.toWire();
        for (let n = 0; n < records; n++) reply.add(Section.ANSWER, owner, type, Class.IN, ttl, data[n]!);
        reply.finish(query, limit);
      }
    },
  };
}
