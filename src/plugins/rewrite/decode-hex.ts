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
