/** The name of an endpoint that has none: its address with dashes, as CoreDNS writes it. */

/** Its longest form: eight groups of four digits, and their dashes. */
export const MAX_DASHED = 40;

/** Writes the label of an address of 4 or 16 bytes, with its length byte, at `out[to]`. Gives the offset behind it. */
export function writeDashed(source: Uint8Array, at: number, size: number, out: Uint8Array, to: number): number {
  const end = size === 4 ? writeIpv4(source, at, out, to + 1) : writeIpv6(source, at, out, to + 1);
  out[to] = end - to - 1;
  return end;
}

const ZERO = 0x30;
const DASH = 0x2d;

function writeIpv4(source: Uint8Array, at: number, out: Uint8Array, to: number): number {
  let end = to;
  for (let i = at; i < at + 4; i++) {
    if (i > at) out[end++] = DASH;
    const byte = source[i]!;
    if (byte >= 100) out[end++] = ZERO + Math.floor(byte / 100);
    if (byte >= 10) out[end++] = ZERO + (Math.floor(byte / 10) % 10);
    out[end++] = ZERO + (byte % 10);
  }
  return end;
}

/**
 * RFC 5952: the longest run of two or more groups of zero is left out, the first of equals. A dash at either end is no
 * label's.
 */
function writeIpv6(source: Uint8Array, at: number, out: Uint8Array, to: number): number {
  let gap = 8;
  let gapLength = 1;
  for (let group = 0; group < 8; group++) {
    let zeros = 0;
    while (group + zeros < 8 && source[at + 2 * (group + zeros)] === 0 && source[at + 2 * (group + zeros) + 1] === 0) {
      zeros++;
    }
    if (zeros > gapLength) {
      gap = group;
      gapLength = zeros;
    }
    group += zeros;
  }
  let end = to;
  for (let group = 0; group < 8; group++) {
    if (group === gap) {
      if (group === 0) out[end++] = DASH;
      out[end++] = DASH;
      group += gapLength - 1;
      continue;
    }
    end = writeHex((source[at + 2 * group]! << 8) | source[at + 2 * group + 1]!, out, end);
    if (group < 7) out[end++] = DASH;
  }
  if (out[end - 1] === DASH) out[end++] = ZERO;
  return end;
}

function writeHex(value: number, out: Uint8Array, to: number): number {
  let end = to;
  for (let shift = value > 0xfff ? 12 : value > 0xff ? 8 : value > 0xf ? 4 : 0; shift >= 0; shift -= 4) {
    const digit = (value >> shift) & 15;
    out[end++] = digit < 10 ? ZERO + digit : 0x57 + digit;
  }
  return end;
}
