/**
 * HalfSipHash-1-3 (J.-P. Aumasson, the variant for tables of words of 32 bits): nobody who may choose names can choose
 * those that collide, since the key is random and never leaves the process.
 */
import { randomInt } from "node:crypto";
import { type Bytes, readWord } from "../dns/bytes.ts";

/** For a table that threads share. */
export function randomKey(): HashKey {
  return [randomInt(2 ** 32) | 0, randomInt(2 ** 32) | 0];
}
export type HashKey = readonly [number, number];

export class KeyedHash {
  readonly #key0: number;
  readonly #key1: number;

  /** For a table of this thread alone. */
  static withRandomKey(): KeyedHash {
    return new KeyedHash(...randomKey());
  }

  constructor(key0: number, key1: number) {
    this.#key0 = key0;
    this.#key1 = key1;
  }

  /** Of `source[offset..offset + length)`; with another `salt` it is another function. */
  bytes(source: Bytes, offset: number, length: number, salt: number): number {
    let v0 = this.#key0;
    let v1 = this.#key1 ^ salt;
    let v2 = 0x6c796765 ^ this.#key0;
    let v3 = 0x74656462 ^ this.#key1;
    const view = source.view;
    const words = length >> 2;
    const end = offset + length;
    let at = offset;
    // The words of the input, then one of the rest and the length, then three rounds with nothing.
    for (let round = 0; round < words + 4; round++) {
      let word = 0;
      if (round < words) {
        word = readWord(source, view, at);
        at += 4;
      } else if (round === words) {
        word = length << 24;
        for (let shift = 0; at < end; shift += 8) word |= source[at++]! << shift;
      } else if (round === words + 1) {
        v2 ^= 0xff;
      }
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    return v1 ^ v3;
  }
}
