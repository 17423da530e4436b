/**
 * whoami: tells the client who it is: its address, port and transport, for tests and first steps.
 *
 * Every query gets NOERROR with an empty answer. The additional section holds the client's address as A or AAAA under
 * the name that was asked, and its port as SRV under `_udp.` or `_tcp.` in front of that name, all with TTL 0.
 *
 * Syntax    whoami
 * Metrics   none
 * Ready     at once
 * Example
 *   example.org:1053 {
 *     whoami
 *   }
 *
 *   dig @127.0.0.1 -p 1053 www.example.org +noall +additional
 */
import { Flag } from "../dns/header.ts";
import { MAX_NAME_LENGTH } from "../dns/name.ts";
import { wireLabels } from "../dns/name-text.ts";
import { Section } from "../dns/reply.ts";
import { Type } from "../dns/types.ts";
import { ANSWERED, type Outcome } from "../plugin/outcome.ts";
import { definePlugin } from "../plugin/plugin.ts";
import { type Query, Transport } from "../plugin/query.ts";
import { addressOffset, readFamily, readPort } from "../transport/packets.ts";

export const whoami = definePlugin({
  name: "whoami",
  parse: (directive) => directive.alone(),
  serve: () => answer,
});

function answer(query: Query): Outcome {
  const { reply, peers, peerIndex } = query;
  reply.begin(query);
  reply.flags |= Flag.AA;

  const isIPv4 = readFamily(peers, peerIndex) === 4;
  const offset = addressOffset(peers, peerIndex);
  const address = peers.subarray(offset, offset + (isIPv4 ? 4 : 16));
  const name = query.questionName;
  reply.add(Section.ADDITIONAL, name, isIPv4 ? Type.A : Type.AAAA, query.class, 0, address);

  const prefix = query.transport === Transport.UDP ? UDP : TCP;
  // CoreDNS sends a name that is too long to be one, and with it a message that no client can read.
  if (prefix.length + name.length > MAX_NAME_LENGTH) return ANSWERED;
  const service = new Uint8Array(prefix.length + name.length);
  service.set(prefix);
  service.set(name, prefix.length);
  reply.add(Section.ADDITIONAL, service, Type.SRV, query.class, 0, serverRdata(readPort(peers, peerIndex)));
  return ANSWERED;
}

/** Priority 0, weight 0, the port, and the root as target. */
function serverRdata(port: number): Uint8Array {
  return Uint8Array.of(0, 0, 0, 0, port >> 8, port, 0);
}

const UDP = wireLabels("_udp");
const TCP = wireLabels("_tcp");
