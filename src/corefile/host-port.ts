/** Addresses as Corefiles write them: `localhost:9153`, `:8080`, `192.0.2.1`, `[2001:db8::1]:53`, `2001:db8::1`. */

import { isIPv6 } from "node:net";

export interface HostPort {
  /** Without brackets; empty for `:8080`, which means every address. */
  readonly host: string;
  readonly port: number;
}

/** The other way round. */
export function endpointText(host: string, port: number | string): string {
  return `${bracketed(host)}:${port}`;
}

/** A host as it stands before a port. */
export function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** Undefined for text that is no such address, or that has no port when there is no default for it. */
export function splitAddress(text: string, defaultPort?: number): HostPort | undefined {
  if (isIPv6(text)) return defaultPort === undefined ? undefined : { host: text, port: defaultPort };
  const bracketed = /^\[([^[\]]*)\](?::(.*))?$/s.exec(text);
  if (bracketed !== null && !isIPv6(bracketed[1]!)) return undefined;
  const plain = bracketed ?? /^([^:[\]]*)(?::([^:]*))?$/s.exec(text);
  if (plain === null) return undefined;
  const host = plain[1]!;
  const port = plain[2] === undefined ? defaultPort : parsePort(plain[2]);
  if (port === undefined || (host === "" && plain[2] === undefined) || /\s/.test(host)) return undefined;
  return { host, port };
}

/** Decimal digits up to 65535; 0 lets the system choose. */
function parsePort(text: string): number | undefined {
  if (!/^[0-9]+$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65535 ? port : undefined;
}

/** Why `HOST:PORT` cannot be taken apart, in Go's words; "" when it can. Whether the port is one shows when it is opened. */
export function hostPortProblem(text: string): string {
  const last = text.lastIndexOf(":");
  if (last < 0) return text === "" ? "missing port in address" : `address ${text}: missing port in address`;
  let host = text.slice(0, last);
  if (text.startsWith("[")) {
    const end = text.indexOf("]");
    if (end < 0) return `address ${text}: missing ']' in address`;
    if (end + 1 !== last) {
      const tooMany = text[end + 1] === ":";
      return `address ${text}: ${tooMany ? "too many colons" : "missing port"} in address`;
    }
    host = text.slice(1, end);
    if (host.includes("[")) return `address ${text}: unexpected '[' in address`;
  } else if (host.includes(":")) {
    return `address ${text}: too many colons in address`;
  } else if (host.includes("[")) {
    return `address ${text}: unexpected '[' in address`;
  }
  return host.includes("]") ? `address ${text}: unexpected ']' in address` : "";
}
