/** Numbers and bytes in the forms that Go takes, with its words about others. */

/** strconv.ParseUint with base 0: 0x, 0o, 0b or 0 in front, and underscores between digits. The number or what is wrong. */
export function parseUint(text: string, bits: number): number | string {
  const digits = digitsOf(text.toLowerCase());
  if (digits === undefined) return `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`;
  const value = BigInt(digits);
  if (value >= 1n << BigInt(bits)) return `strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`;
  // Beyond 2^53 the number is not exact; what takes so many bits is refused by its range.
  return Number(value);
}

/** What BigInt reads; undefined when it is no number. */
function digitsOf(text: string): string | undefined {
  if (/^0x(_?[0-9a-f])+$/.test(text) || /^0o(_?[0-7])+$/.test(text) || /^0b(_?[01])+$/.test(text))
    return text.replaceAll("_", "");
  if (/^0(_?[0-7])+$/.test(text)) return `0o${text.slice(1).replaceAll("_", "")}`;
  return /^(0|[1-9](_?[0-9])*)$/.test(text) ? text.replaceAll("_", "") : undefined;
}

/** hex.DecodeString: the bytes or what is wrong. */
export function decodeHex(text: string): Uint8Array | string {
  for (const character of text) {
    if (/[0-9a-fA-F]/.test(character)) continue;
    const code = Buffer.from(character)[0]!;
    const shown = JSON.stringify(String.fromCharCode(code)).slice(1, -1).replaceAll('\\"', '"');
    const hex = code.toString(16).toUpperCase().padStart(4, "0");
    return `encoding/hex: invalid byte: U+${hex} '${shown}'`;
  }
  if (text.length % 2 === 1) return "encoding/hex: odd length hex string";
  return Uint8Array.from(Buffer.from(text, "hex"));
}
