/** `edns0` rules: what they make of a query's options. */
import { parseIpv4, parseIpv6 } from "../../dns/address.ts";
import { HEADER_SIZE } from "../../dns/header.ts";
import { nameToText } from "../../dns/name-text.ts";
import { appendOption, findOption, optionData, removeOptions, replaceOption } from "../../dns/options.ts";
import type { ServeContext } from "../../plugin/context.ts";
import { protocolOf, type Query } from "../../plugin/query.ts";
import { addressOffset, formatLocalAddress, readFamily, readPort } from "../../transport/packets.ts";
import { type Asked, Result } from "./asked.ts";
import type { OptionRuleConfig, OptionValue, Variable } from "./config.ts";
import { CLIENT_SUBNET } from "./config.ts";

/** All that options may take in a query; what a client sends fits, and rules must not grow it without end. */
const MAX_OPTIONS_LENGTH = 16_384;

export function compileOptionRule(rule: OptionRuleConfig, context: ServeContext): (asked: Asked) => Result {
  const { action, code, revert } = rule;
  const readValue = compileValue(rule.value, context);
  // Of CLIENT_SUBNET there is one at most (RFC 7871 section 6); and as in CoreDNS only fixed data stands beside the client's.
  const appendsAgain = rule.value.kind === "data" && code !== CLIENT_SUBNET;
  return (asked) => {
    const options = asked.takeOptions();
    if (action === "unset") {
      asked.setOptions(removeOptions(options, code));
      return Result.MATCHED;
    }
    const data = readValue(asked);
    if (data === undefined || options.length + data.length > MAX_OPTIONS_LENGTH) return Result.MISSED;
    const at = findOption(options, code);
    if (at >= 0 && action === "append" && !appendsAgain) return Result.MISSED;
    if (at >= 0 && action !== "append") {
      if (revert) asked.undo.steps.push({ kind: "option", code, data: optionData(options, at) });
      asked.setOptions(replaceOption(options, at, data));
      return Result.MATCHED;
    }
    if (action === "replace") return Result.MISSED;
    if (revert) asked.undo.steps.push({ kind: "option", code, data: undefined });
    asked.setOptions(appendOption(options, code, data));
    return Result.MATCHED;
  };
}

/** Gives the option's data, undefined when it is not known for this query. */
function compileValue(value: OptionValue, context: ServeContext): (asked: Asked) => Uint8Array | undefined {
  switch (value.kind) {
    case "data":
      return () => value.data;
    case "variable": {
      const read = VARIABLES[value.name];
      return ({ query, undo }) => read(query, undo.renamed);
    }
    case "metadata":
      return ({ query }) => {
        const text = context.metadata(query, value.label) ?? "";
        return text === "" ? undefined : Buffer.from(text);
      };
    case "subnet":
      return ({ query }) => subnetOf(query, value.bits4, value.bits6);
  }
}

const VARIABLES: Readonly<Record<Variable, (query: Query, renamed: boolean) => Uint8Array | undefined>> = {
  // With the client's letters, as long as the name is the client's.
  qname: ({ name, bytes, start }, renamed) =>
    Buffer.from(renamed ? nameToText(name.bytes) : nameToText(bytes, start + HEADER_SIZE)),
  qtype: ({ type }) => number16(type),
  client_ip: clientAddress,
  client_port: ({ peers, peerIndex }) => number16(readPort(peers, peerIndex)),
  protocol: (query) => Buffer.from(protocolOf(query)),
  server_ip: serverAddress,
  server_port: ({ localPort }) => number16(localPort),
};

function number16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value);
}

function clientAddress({ peers, peerIndex }: Query): Uint8Array | undefined {
  const family = readFamily(peers, peerIndex);
  if (family === 0) return undefined;
  const offset = addressOffset(peers, peerIndex);
  return peers.slice(offset, offset + (family === 4 ? 4 : 16));
}

/** What the client has asked; where the datagram does not say, what the socket is bound to. */
function serverAddress({ peers, peerIndex, socketAddress }: Query): Uint8Array | undefined {
  const text = (formatLocalAddress(peers, peerIndex) || socketAddress).replace(/%.*$/, "");
  const bytes = new Uint8Array(16);
  if (parseIpv4(text, bytes, 0)) return bytes.subarray(0, 4);
  return parseIpv6(text, bytes, 0) ? bytes : undefined;
}

/** RFC 7871 section 6: family, source prefix length, scope 0, and as many bytes of the address as the prefix touches. */
function subnetOf(query: Query, bits4: number, bits6: number): Uint8Array | undefined {
  const address = clientAddress(query);
  if (address === undefined) return undefined;
  const isIpv4 = address.length === 4;
  const bits = isIpv4 ? bits4 : bits6;
  const data = new Uint8Array(4 + ((bits + 7) >> 3));
  data[1] = isIpv4 ? 1 : 2;
  data[2] = bits;
  data.set(address.subarray(0, data.length - 4), 4);
  if (bits % 8 !== 0) data[data.length - 1]! &= 0xff << (8 - (bits % 8));
  return data;
}
