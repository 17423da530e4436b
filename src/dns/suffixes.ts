/** What compression looks names up by: a hash for each end that a name has, computed in one pass. */
import { hashByte } from "./name.ts";

/** Offsets and hashes of the suffixes of the name that is being written; entry `labels` is the root. */
export const suffixOffsets = new Uint32Array(128);
export const suffixHash = new Int32Array(128);

/** Fills the two for the name at `wire[offset]`, whose letters keep their case. Gives the number of its labels. */
export function suffixHashes(wire: Uint8Array, offset: number): number {
  let labels = 0;
  let at = offset;
  while (wire[at]! !== 0) {
    suffixOffsets[labels++] = at;
    at += wire[at]! + 1;
  }
  suffixOffsets[labels] = at;
  let hash = 17;
  for (let label = labels - 1; label >= 0; label--) {
    for (let i = suffixOffsets[label]!; i < suffixOffsets[label + 1]!; i++) hash = hashByte(hash, wire[i]!);
    suffixHash[label] = hash;
  }
  return labels;
}
