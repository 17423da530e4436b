/** proxyproto: who is said to have asked, by what stands before the message, over UDP and TCP. */
import { binaryHeader, IPV4_ENDS, IPV6_ENDS, TEXT_IPV4, textHeader } from "../../support/proxy-header.ts";
import type { Expectation, ParityCase, ParityServer } from "../case.ts";

const ASK = "www.example.org. A";
const nobody: Expectation = { noReply: true };
/** The proxy asks for itself. */
const plain: Expectation = { rcode: "NOERROR", counts: { additional: 2 } };

/** Who asks is who the header names. */
function named(record: string, transport: "udp" | "tcp"): Expectation {
  return { additional: [record, `_${transport}.www.example.org. 0 IN SRV 0 0 4242 .`] };
}
const IPV4 = "www.example.org. 0 IN A 192.0.2.7";
const IPV6 = "www.example.org. 0 IN AAAA 2001:db8::7";

/** What is replied over UDP and over TCP; undefined where that is asked elsewhere. */
type Case = readonly [name: string, header: string, udp: Expectation | undefined, tcp: Expectation | undefined];

const tcp4 = binaryHeader({ family: "11" });

const localHeader = binaryHeader({ command: "20", family: "00", rest: "" });

const binary: readonly Case[] = [
  ["no header", "", plain, plain],
  ["UDP over IPv4", binaryHeader(), named(IPV4, "udp"), undefined],
  ["TCP over IPv4", tcp4, nobody, named(IPV4, "tcp")],
  ["UDP over IPv6", binaryHeader({ family: "22", rest: IPV6_ENDS }), named(IPV6, "udp"), undefined],
  ["TCP over IPv6", binaryHeader({ family: "21", rest: IPV6_ENDS }), nobody, named(IPV6, "tcp")],
  ["no family", binaryHeader({ family: "00", rest: "" }), nobody, nobody],
  ["LOCAL", binaryHeader({ command: "20" }), plain, plain],
  ["LOCAL, no family", localHeader, undefined, plain],
  ["LOCAL, too short", binaryHeader({ command: "20", rest: "00" }), undefined, plain],
  ["LOCAL, unknown transport", binaryHeader({ command: "20", family: "13" }), nobody, nobody],
  ["with more", binaryHeader({ rest: `${IPV4_ENDS} 04 0003 616263` }), named(IPV4, "udp"), undefined],
  ["with more that is cut", binaryHeader({ rest: `${IPV4_ENDS} 04 00ff 616263` }), named(IPV4, "udp"), undefined],
  ["version 1 in binary", binaryHeader({ command: "11" }), nobody, nobody],
  ["unknown command", binaryHeader({ command: "22" }), nobody, nobody],
  ["unknown transport", binaryHeader({ family: "13" }), nobody, nobody],
  ["unknown family", binaryHeader({ family: "41" }), nobody, nobody],
  ["addresses that are cut", binaryHeader({ rest: IPV4_ENDS.slice(0, 17) }), nobody, nobody],
  ["more announced than there is", binaryHeader({ length: 400 }), nobody, nobody],
];

const text: readonly Case[] = [
  ["TCP4", TEXT_IPV4, nobody, named(IPV4, "tcp")],
  ["TCP6", textHeader("PROXY TCP6 2001:db8::7 2001:db8::53 4242 53"), nobody, named(IPV6, "tcp")],
  ["UNKNOWN", textHeader("PROXY UNKNOWN"), nobody, plain],
  ["UNKNOWN and more", textHeader("PROXY UNKNOWN ffff::1 ffff::2 1 2"), nobody, plain],
  ["UDP4", textHeader("PROXY UDP4 192.0.2.7 192.0.2.53 4242 53"), nobody, nobody],
  ["bad addresses", textHeader("PROXY TCP4 a b 4242 53"), nobody, nobody],
  ["address of the other family", textHeader("PROXY TCP6 192.0.2.7 192.0.2.53 4242 53"), nobody, nobody],
  ["bad port", textHeader("PROXY TCP4 192.0.2.7 192.0.2.53 70000 53"), nobody, nobody],
  ["port with a zero before", textHeader("PROXY TCP4 192.0.2.7 192.0.2.53 04242 53"), nobody, nobody],
  ["two blanks", textHeader("PROXY TCP4  192.0.2.7 192.0.2.53 4242 53"), nobody, nobody],
  ["107 bytes", textHeader(`PROXY UNKNOWN ${"x".repeat(91)}`), nobody, plain],
  ["108 bytes", textHeader(`PROXY UNKNOWN ${"x".repeat(92)}`), nobody, nobody],
  ["no carriage return", textHeader("PROXY TCP4 192.0.2.7 192.0.2.53 4242 53", "\n"), nobody, nobody],
];

/** Of a right header and of a wrong one, in datagrams and connections. */
function underPolicy(right: readonly [Expectation, Expectation], wrong: readonly [Expectation, Expectation]): Case[] {
  return [
    ["no header", "", plain, plain],
    ["UDP over IPv4", binaryHeader(), right[0], undefined],
    ["TCP over IPv4", tcp4, undefined, right[1]],
    ["wrong header", binaryHeader({ family: "13" }), wrong[0], wrong[1]],
  ];
}

const policies: Readonly<Record<string, readonly Case[]>> = {
  use: underPolicy([named(IPV4, "udp"), named(IPV4, "tcp")], [nobody, nobody]),
  ignore: underPolicy([plain, plain], [nobody, nobody]),
  reject: underPolicy([nobody, nobody], [nobody, nobody]),
  // A datagram's header, read as a message, has an opcode that nobody knows; the reply has the header's first bytes as its id.
  skip: underPolicy([nobody, nobody], [nobody, nobody]),
};

function bothWays([name, header, udp, tcp]: Case, more: Partial<ParityCase> = {}): ParityCase[] {
  const over = (transport: "udp" | "tcp", reply: Expectation | undefined): ParityCase[] =>
    reply === undefined ? [] : [{ ask: ASK, name: `${name}, ${transport}`, header, over: transport, reply, ...more }];
  return [...over("udp", udp), ...over("tcp", tcp)];
}

export const servers: ParityServer[] = [
  {
    name: "proxyproto, version 2",
    corefile: `.:{PORT} {
      proxyproto
      whoami
    }`,
    cases: [
      ...binary.flatMap((one) => bothWays(one)),
      {
        ask: ASK,
        name: "LOCAL, no family, udp",
        header: localHeader,
        reply: nobody,
        differs: "proxyproto: LOCAL over UDP",
        ours: { reply: plain },
      },
      {
        ask: ASK,
        name: "UDP in a header over TCP",
        header: binaryHeader(),
        over: "tcp",
        reply: named(IPV4, "udp"),
        differs: "proxyproto: UDP in a header over TCP",
        ours: { reply: named(IPV4, "tcp") },
      },
    ],
  },
  {
    name: "proxyproto, version 1",
    corefile: `.:{PORT} {
      proxyproto
      whoami
    }`,
    cases: text.flatMap((one) => bothWays(one)),
  },
  ...Object.entries(policies).map(
    ([policy, cases]): ParityServer => ({
      name: `proxyproto, default ${policy}`,
      corefile: `.:{PORT} {
        proxyproto {
          default ${policy}
        }
        whoami
      }`,
      cases: cases.flatMap((one) => bothWays(one)),
    }),
  ),
  {
    name: "proxyproto, allow",
    corefile: `.:{PORT} {
      proxyproto {
        allow 127.0.0.2/32 2001:db8::/32
      }
      whoami
    }
    .:{PORT2} {
      proxyproto {
        default reject
        allow 127.0.0.2/32
      }
      whoami
    }`,
    cases: [
      ...policies.use!.flatMap((one) => bothWays(one, { from: "127.0.0.2" })),
      ...policies.ignore!.flatMap((one) => bothWays(one)),
      ...policies.use!.flatMap((one) => bothWays(one, { from: "127.0.0.2", port: 2 })),
      ...policies.reject!.flatMap((one) => bothWays(one, { port: 2 })),
    ],
  },
  {
    name: "proxyproto, who sees the client",
    corefile: `.:{PORT} {
      metadata
      proxyproto {
        tlv_metadata
      }
      acl {
        block net 192.0.2.0/24
      }
      log . "{remote} {port} {/proxyproto/tlv}"
      whoami
    }`,
    cases: [
      {
        ask: ASK,
        name: "acl and log, udp",
        header: binaryHeader({ rest: `${IPV4_ENDS} e0 0002 6869 04 0001 00` }),
        reply: { rcode: "REFUSED" },
        log: ["[INFO] 192.0.2.7 4242 e000026869040000"],
      },
      {
        ask: ASK,
        name: "acl and log, tcp",
        over: "tcp",
        header: binaryHeader({ family: "11", rest: `${IPV4_ENDS} e0 0002 6869` }),
        reply: { rcode: "REFUSED" },
        log: ["[INFO] 192.0.2.7 4242 e000026869"],
      },
      { ask: ASK, name: "nothing more", header: binaryHeader(), reply: {}, log: ["[INFO] 192.0.2.7 4242 -"] },
      { ask: ASK, name: "text", over: "tcp", header: TEXT_IPV4, reply: {}, log: ["[INFO] 192.0.2.7 4242 -"] },
      { ask: ASK, name: "another client", header: "", reply: plain, log: ["[INFO] 127.0.0.1 * -"] },
    ],
  },
  {
    name: "proxyproto, one block of a listener",
    corefile: `a.test:{PORT} {
      whoami
    }
    b.test:{PORT} {
      proxyproto
      whoami
    }
    c.test:{PORT2} {
      proxyproto
    }`,
    cases: [
      { ask: "a.test. A", header: binaryHeader(), reply: { additional: seenAs("a.test.") } },
      { ask: "b.test. A", header: binaryHeader(), reply: { additional: seenAs("b.test.") } },
      { ask: "c.test. A", port: 2, header: binaryHeader(), reply: { rcode: "REFUSED" } },
    ],
  },
];

function seenAs(name: string): string[] {
  return [`${name} 0 IN A 192.0.2.7`, `_udp.${name} 0 IN SRV 0 0 4242 .`];
}
