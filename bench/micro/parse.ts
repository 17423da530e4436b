/** Reading a query: its header, its name with the hashes of all suffixes, its OPT record. */
import { Request } from "../../src/dns/request.ts";
import { type Case, type Message, messages } from "./harness.ts";

const searched = "www.example.com.kube-system.svc.cluster.local.%d.example.org.";

export function cases(): Case[] {
  const plain = messages(1_024);
  const edns = messages(1_024, { edns: true });
  const long = messages(1_024, { name: searched });
  /** Cut behind the header: what must be refused, quickly. */
  const malformed = plain.map((message) => ({ ...message, length: 20 }));
  return [
    { name: "nothing: the message's id", run: (count) => sum(plain, count) },
    reading("a name of 3 labels", plain),
    reading("the same with an OPT record", edns),
    reading("a name of 10 labels", long),
    reading("a message that is cut", malformed),
  ];
}

/** Somebody must want the sum, or the compiler leaves it out. */
const sink = { value: 0 };

function sum(list: Message[], count: number): void {
  for (let i = 0; i < count; i++) sink.value ^= list[i & 1_023]!.bytes[1]!;
}

function reading(name: string, list: Message[]): Case {
  const request = new Request();
  return {
    name,
    run: (count) => {
      for (let i = 0; i < count; i++) {
        const { bytes, start, length } = list[i & 1_023]!;
        sink.value ^= request.read(bytes, start, length);
      }
    },
  };
}
