/** Headers of the PROXY protocol, right and wrong ones, in hexadecimal digits. */

const SIGNATURE = "0d0a0d0a000d0a515549540a";

/** In hexadecimal digits. 192.0.2.7, port 4242, has asked 192.0.2.53, port 53. */
export const IPV4_ENDS = "c0000207 c0000235 1092 0035";
/** 2001:db8::7, port 4242, has asked 2001:db8::53. */
export const IPV6_ENDS = `${"20010db8".padEnd(31, "0")}7 ${"20010db8".padEnd(30, "0")}53 1092 0035`;

export interface BinaryHeader {
  /** `21` for PROXY, `20` for LOCAL. */
  readonly command?: string;
  /** Family and transport: `12`, UDP over IPv4, when absent. */
  readonly family?: string;
  /** Both ends, and what stands behind them. */
  readonly rest?: string;
  /** What the header says of the length of `rest`. */
  readonly length?: number;
}

/** Version 2. */
export function binaryHeader({ command = "21", family = "12", rest = IPV4_ENDS, length }: BinaryHeader = {}): string {
  const digits = rest.replaceAll(/\s/g, "");
  return SIGNATURE + command + family + (length ?? digits.length / 2).toString(16).padStart(4, "0") + digits;
}

/** Version 1: a line. */
export function textHeader(line: string, end = "\r\n"): string {
  return Buffer.from(line + end, "latin1").toString("hex");
}

export const TEXT_IPV4 = textHeader("PROXY TCP4 192.0.2.7 192.0.2.53 4242 53");
