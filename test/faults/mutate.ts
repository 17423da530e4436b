/** Changed messages, the same ones for the same seed. */

/** Random 32-bit numbers (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** What fields of messages like to be wrong about. */
const WORDS = [0, 1, 0x3f, 0x40, 0x80, 0xc0, 0xff];

/** `seed` with some bytes changed, cut out, doubled, or cut off behind them. */
export function changed(seed: Buffer, random: () => number): Buffer {
  let bytes = Buffer.from(seed);
  for (let left = random() % 5; left >= 0; left--) {
    // Half of the changes stand behind the header: one in the counts is refused at once.
    const at =
      (random() & 1 ? 12 + (random() % Math.max(1, bytes.length - 12)) : random() % bytes.length) % bytes.length;
    const size = 1 + (random() % 12);
    switch (random() % 8) {
      case 0:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + size)]);
        break;
      case 1:
        bytes = Buffer.concat([bytes.subarray(0, at + size), bytes.subarray(at)]);
        break;
      case 2:
        bytes = bytes.subarray(0, Math.max(1, at));
        break;
      case 3:
        bytes[at] = bytes[at]! ^ (1 << (random() & 7));
        break;
      case 4:
        if (at + 1 < bytes.length) bytes.writeUInt16BE(0xc000 | (random() % (at + 20)), at);
        break;
      case 5:
        bytes[at] = random();
        break;
      default:
        bytes[at] = WORDS[random() % WORDS.length]!;
    }
    if (bytes.length === 0) return Buffer.alloc(1);
  }
  return bytes;
}
