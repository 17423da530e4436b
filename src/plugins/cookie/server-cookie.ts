/**
 * Server cookies as all servers of one secret make them (RFC 9018 section 4). Behind the client's 8 bytes stand 16:
 *   0 version 1, 1-3 reserved, 4-7 seconds when it was made, 8-15 SipHash-2-4 of all before and of the client's address
 */
import siphash from "siphash";
import type { Secrets } from "./control.ts";

const CLIENT_SIZE = 8;
const COOKIE_SIZE = 24;
/** RFC 7873 section 4: a server's part has 8 to 32 bytes. */
const LEAST_SERVER_SIZE = 8;
const MAX_SIZE = CLIENT_SIZE + 32;
const VERSION = 1;
const STAMP = 12;
const HASH = 16;
/** RFC 9018 section 4.3, in seconds. */
const MAX_AGE = 3_600;
const MAX_AHEAD = 300;
const RENEWED_AT = 1_800;

export const Cookie = {
  /** No length that a cookie may have. */
  MALFORMED: 0,
  /** Only the client's part. */
  CLIENT: 1,
  /** Not ours, another client's, or too old. */
  BAD: 2,
  GOOD: 3,
  /** Good, but a new one is due. */
  AGING: 4,
} as const;
export type Cookie = (typeof Cookie)[keyof typeof Cookie];

export class ServerCookies {
  readonly #keys: readonly Uint32Array[];
  /** What is hashed, for each length of an address. */
  readonly #inputs = { 4: new Uint8Array(HASH + 4), 16: new Uint8Array(HASH + 16) };

  constructor(secrets: Secrets) {
    this.#keys = secrets.map((secret) => new Uint32Array(secret.slice().buffer));
  }

  /** What the client at `address` has sent; `now` in seconds. */
  judge(cookie: Uint8Array, address: Uint8Array, now: number): Cookie {
    const { length } = cookie;
    if (length === CLIENT_SIZE) return Cookie.CLIENT;
    if (length < CLIENT_SIZE + LEAST_SERVER_SIZE || length > MAX_SIZE) return Cookie.MALFORMED;
    if (length !== COOKIE_SIZE || cookie[CLIENT_SIZE] !== VERSION) return Cookie.BAD;
    // Serial arithmetic: the seconds pass their largest number in 2106.
    const view = new DataView(cookie.buffer, cookie.byteOffset);
    const age = (now - view.getUint32(STAMP)) | 0;
    if (age > MAX_AGE || age < -MAX_AHEAD) return Cookie.BAD;
    for (const [index, key] of this.#keys.entries()) {
      const { h, l } = this.#hash(key, cookie, address);
      // Both halves, whichever differs, so that the time says nothing about what would be right.
      const difference = (view.getUint32(HASH, true) ^ l) | (view.getUint32(HASH + 4, true) ^ h);
      if (difference === 0) return index > 0 || age > RENEWED_AT ? Cookie.AGING : Cookie.GOOD;
    }
    return Cookie.BAD;
  }

  /** A new cookie behind the client's part of `cookie`, 24 bytes in all. */
  make(cookie: Uint8Array, address: Uint8Array, now: number): Uint8Array {
    const made = new Uint8Array(COOKIE_SIZE);
    const view = new DataView(made.buffer);
    for (let i = 0; i < CLIENT_SIZE; i++) made[i] = cookie[i]!;
    made[CLIENT_SIZE] = VERSION;
    view.setUint32(STAMP, now);
    const { h, l } = this.#hash(this.#keys[0]!, made, address);
    view.setUint32(HASH, l, true);
    view.setUint32(HASH + 4, h, true);
    return made;
  }

  #hash(key: Uint32Array, cookie: Uint8Array, address: Uint8Array): { readonly h: number; readonly l: number } {
    const input = this.#inputs[address.length as 4 | 16];
    for (let i = 0; i < HASH; i++) input[i] = cookie[i]!;
    for (let i = 0; i < address.length; i++) input[HASH + i] = address[i]!;
    return siphash.hash(key, input);
  }
}
