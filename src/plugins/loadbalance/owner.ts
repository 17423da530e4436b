/** Owners of a reply's records, read through their compression pointers (RFC 1035 section 4.1.4). */
import { MAX_LABELS, MAX_NAME_LENGTH, Name } from "../../dns/name.ts";
import type { Reply } from "../../dns/reply.ts";

/** The owner at `offset`; valid until the next call. What is no name gives the root. */
export function readOwner(reply: Reply, offset: number): Name {
  const length = reply.readName(offset, scratch);
  if (length < 0) return ROOT;
  owner.read(scratch, 0, length);
  return owner;
}
const owner = new Name();
const ROOT = new Name();
const scratch = new Uint8Array(MAX_NAME_LENGTH);

/** Whether the names at both offsets are the same; most often both point to the question. */
export function sameOwner(reply: Reply, a: number, b: number): boolean {
  const { bytes, start } = reply;
  for (let labels = 0; labels <= MAX_LABELS; labels++) {
    a = follow(reply, a);
    b = follow(reply, b);
    if (a === b) return a >= 0;
    if (a < 0 || b < 0) return false;
    const size = bytes[start + a]!;
    for (let i = 0; i <= size; i++) if (bytes[start + a + i] !== bytes[start + b + i]) return false;
    if (size === 0) return true;
    a += size + 1;
    b += size + 1;
  }
  return false;
}

/** Where the label at `offset` really stands; -1 for pointers that lead nowhere. */
function follow({ bytes, start, end }: Reply, offset: number): number {
  let at = offset;
  for (let jumps = 0; jumps <= MAX_LABELS; jumps++) {
    if (start + at >= end) return -1;
    const size = bytes[start + at]!;
    if (size < 64) return start + at + size < end ? at : -1;
    at = ((size & 0x3f) << 8) | bytes[start + at + 1]!;
  }
  return -1;
}
