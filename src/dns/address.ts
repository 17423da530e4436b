/** IP addresses between text and bytes: strict, without regex, since every A and AAAA record of a zone passes here. */

const DOT = 0x2e;
const COLON = 0x3a;

/** Four decimal numbers without leading zeros, which some readers take for octal. Writes 4 bytes, or gives false. */
export function parseIpv4(text: string, out: Uint8Array, start: number): boolean {
  let value = -1;
  let part = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (value < 0 || part === 3) return false;
      out[start + part++] = value;
      value = -1;
      continue;
    }
    const digit = code - 0x30;
    if (digit < 0 || digit > 9 || value === 0) return false;
    value = value < 0 ? digit : value * 10 + digit;
    if (value > 255) return false;
  }
  if (part !== 3 || value < 0) return false;
  out[start + 3] = value;
  return true;
}

/** RFC 4291 section 2.2: eight groups, "::" for zeros, the last two groups perhaps as an IPv4 address. Writes 16 bytes. */
export function parseIpv6(text: string, out: Uint8Array, start: number): boolean {
  const size = text.length;
  const end = start + 16;
  let at = start;
  let gap = -1;
  let i = 0;
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return false;
    gap = at;
    i = 2;
  }
  while (i < size) {
    const first = i;
    let group = 0;
    let digit = 0;
    for (; i < size; i++) {
      digit = hexDigit(text.charCodeAt(i));
      if (digit < 0) break;
      group = (group << 4) | digit;
    }
    if (i < size && text.charCodeAt(i) === DOT) {
      if (at + 4 > end || !parseIpv4(text.slice(first), out, at)) return false;
      at += 4;
      break;
    }
    if (i === first || i - first > 4 || at + 2 > end) return false;
    out[at++] = group >>> 8;
    out[at++] = group;
    if (i === size) break;
    if (text.charCodeAt(i++) !== COLON) return false;
    if (i === size) return false;
    if (text.charCodeAt(i) === COLON) {
      if (gap >= 0) return false;
      gap = at;
      i++;
    }
  }
  if (gap < 0) return at === end;
  // "::" stands for at least one group (RFC 5952 section 4.2.2 would not write it for one, but readers take it).
  if (at > end - 2) return false;
  out.copyWithin(gap + end - at, gap, at);
  out.fill(0, gap, gap + end - at);
  return true;
}

/** 0-15, or -1 for what is no hexadecimal digit. */
export function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** RFC 4291 section 2.5.5.2: whether the 16 bytes at `start` are an IPv4 address in its IPv6 form, ::ffff:0:0/96. */
export function isMapped(bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < 10; i++) if (bytes[start + i] !== 0) return false;
  return bytes[start + 10] === 0xff && bytes[start + 11] === 0xff;
}

export function formatIpv4(bytes: Uint8Array, start: number): string {
  return `${bytes[start]}.${bytes[start + 1]}.${bytes[start + 2]}.${bytes[start + 3]}`;
}

/**
 * RFC 5952: lower case, the longest run of two zero groups or more as "::", the first of equals; IPv4-mapped in dots.
 * Log lines name each client with this, so it makes no arrays.
 */
export function formatIpv6(bytes: Uint8Array, start: number): string {
  let gap = -1;
  let gapLength = 1;
  for (let i = 0, run = 0; i < 8; i++) {
    run = groupAt(bytes, start, i) === 0 ? run + 1 : 0;
    if (run > gapLength) {
      gap = i + 1 - run;
      gapLength = run;
    }
  }
  if (gap === 0 && gapLength === 5 && groupAt(bytes, start, 5) === 0xffff) {
    return `::ffff:${formatIpv4(bytes, start + 12)}`;
  }
  let text = "";
  for (let i = 0; i < 8; i++) {
    if (i === gap) {
      text += "::";
      i += gapLength - 1;
    } else {
      text += (i === 0 || i === gap + gapLength ? "" : ":") + groupAt(bytes, start, i).toString(16);
    }
  }
  return text;
}

function groupAt(bytes: Uint8Array, start: number, i: number): number {
  return (bytes[start + 2 * i]! << 8) | bytes[start + 2 * i + 1]!;
}
