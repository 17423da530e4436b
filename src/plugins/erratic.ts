/**
 * erratic: answers as an unreliable server does, to test how clients bear it.
 *
 * A is 192.0.2.53, AAAA 2001:db8::53, both with TTL 0; AXFR is a small zone; every other type gets SERVFAIL. The queries
 * of a server block are counted from 0, whatever their type; number N spoils some of them.
 *
 * Syntax    erratic {
 *             drop [N]               no reply when the count is a multiple of N, 0 for never; without a number, or without
 *                                    this line, 2, or never when there is a truncate or a delay
 *             truncate [N]           TC when count AND N, bit by bit, is 0; an AXFR lacks its end; N defaults to 2
 *             delay [N [DURATION]]   a late reply when the count is a multiple of N; defaults 2 and 100ms
 *             large                  thirty records for A
 *           }
 * Metrics   none
 * Ready     only while three or four queries have been counted
 * Example
 *   example.org:1053 {
 *     erratic {
 *       drop 3
 *       delay 5 50ms
 *     }
 *   }
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Option } from "../corefile/directive.ts";
import { parseDuration } from "../corefile/duration.ts";
import { Flag } from "../dns/header.ts";
import { parseRecordText, type ResourceRecord } from "../dns/record.ts";
import { Section } from "../dns/reply.ts";
import { Class, Type } from "../dns/types.ts";
import type { Control, ControlContext, ServeContext } from "../plugin/context.ts";
import { ANSWERED, DROPPED, type Handler, type Outcome, SERVFAIL } from "../plugin/outcome.ts";
import { definePlugin } from "../plugin/plugin.ts";
import type { Query } from "../plugin/query.ts";
import { MAX_TIMER_MS } from "../plugin/timer.ts";

interface ErraticConfig {
  readonly drop: number;
  readonly truncate: number;
  readonly delay: number;
  readonly delayMs: number;
  readonly large: boolean;
}

const DEFAULT_AMOUNT = 2;

export const erratic = definePlugin<ErraticConfig>({
  name: "erratic",
  parse: (directive) => {
    let drop: number | undefined;
    const config = { truncate: 0, delay: 0, delayMs: 100, large: false };
    for (const stanza of directive.stanzas) {
      // CoreDNS takes any words here and makes nothing of them.
      stanza.rest();
      stanza.eachOption({
        drop: (line) => {
          if (line.left > 0) drop = readAmount(line);
        },
        truncate: (line) => {
          config.truncate = readAmount(line);
        },
        delay: (line) => {
          config.delay = readAmount(line);
          if (line.left > 0) config.delayMs = readDelay(line);
        },
        large: () => {
          config.large = true;
        },
      });
    }
    const spoilsOtherwise = config.truncate > 0 || config.delay > 0;
    return { drop: drop ?? (spoilsOtherwise ? 0 : DEFAULT_AMOUNT), ...config };
  },
  control,
  serve,
});

function readAmount(line: Option): number {
  return line.integer({ what: "amount", default: DEFAULT_AMOUNT, min: 0 });
}

function readDelay(line: Option): number {
  const token = line.token();
  const ms = parseDuration(token.text) ?? line.fail(`time: invalid duration "${token.text}"`, token, { form: "plain" });
  return Math.min(ms, MAX_TIMER_MS);
}

/** All workers count in one cell, so that the sequence is the one that a client was promised. */
async function control(_config: ErraticConfig, { publish }: ControlContext): Promise<Control> {
  const count = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  publish(count);
  return {
    ready: () => READY_COUNTS.includes(Atomics.load(count, 0)),
    stop: () => {},
  };
}
const READY_COUNTS: readonly number[] = [3, 4];

function serve(config: ErraticConfig, { onPublished }: ServeContext): Handler {
  const { drop, truncate, delay, delayMs, large } = config;
  let counter = new Int32Array(1);
  onPublished((shared: Int32Array<ArrayBuffer>) => {
    counter = shared;
  });
  return (query) => {
    const count = Atomics.add(counter, 0, 1);
    if (isNth(count, drop)) return DROPPED;
    const truncated = truncate > 0 && (count & truncate) === 0;
    return isNth(count, delay)
      ? sleep(delayMs).then(() => answer(query, truncated, large))
      : answer(query, truncated, large);
  };
}

function isNth(count: number, amount: number): boolean {
  return amount > 0 && count % amount === 0;
}

function answer(query: Query, truncated: boolean, large: boolean): Outcome {
  switch (query.type) {
    case Type.A:
      return answerAddress(query, IPV4, truncated, large ? LARGE_COUNT : 1);
    case Type.AAAA:
      return answerAddress(query, IPV6, truncated, 1);
    case Type.AXFR:
      return answerTransfer(query, truncated);
    default:
      return SERVFAIL;
  }
}

function answerAddress(query: Query, address: Uint8Array, truncated: boolean, records: number): Outcome {
  const { reply } = query;
  reply.begin(query);
  reply.flags |= truncated ? Flag.AA | Flag.TC : Flag.AA;
  const name = query.questionName;
  for (let i = 0; i < records; i++) reply.add(Section.ANSWER, name, query.type, query.class, 0, address);
  return ANSWERED;
}

/** A zone of the name that was asked, whole or without the SOA record that ends a transfer. */
function answerTransfer(query: Query, truncated: boolean): Outcome {
  const { reply } = query;
  reply.begin(query);
  reply.flags |= Flag.AA;
  const records = transferRecords(query.questionName);
  for (const { name: owner, type, data } of truncated ? records.slice(0, -1) : records) {
    reply.add(Section.ANSWER, owner, type, Class.IN, 0, data);
  }
  return ANSWERED;
}

function transferRecords(zone: Uint8Array): ResourceRecord[] {
  const soa = "@ SOA sns.dns.icann.org. noc.dns.icann.org. 2018050825 7200 3600 1209600 3600";
  const lines = [soa, "@ NS b", "@ NS a", "a AAAA 2001:bd8::53", "b AAAA 2001:500::54", soa];
  const records = lines.map((line) => parseRecordText(line, { origin: zone }));
  // Under a name of the greatest length there is no room for `a` and `b`.
  return records.filter((record) => "data" in record);
}

const IPV4 = Uint8Array.of(192, 0, 2, 53);
const IPV6 = Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53);
/** CoreDNS's number: enough for a reply of more than 512 bytes. */
const LARGE_COUNT = 30;
