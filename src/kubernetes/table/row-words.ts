/** Where things are in the rows that the writer holds (`layout.ts`), and small comparisons. */
import { ServiceField, SliceField, SliceFlag } from "./layout.ts";

/** ClusterIPs or external addresses of a Service. */
export const CLUSTER_ADDRESSES = 0;
export const EXTERNAL_ADDRESSES = 1;

/** Where the addresses of a Service begin, in bytes. */
export function addressesAt(words: Int32Array, row: number, which: number): number {
  const counts = words[row + ServiceField.ADDRESSES]!;
  const before = which === CLUSTER_ADDRESSES ? 0 : 4 * (counts & 0xff) + 16 * ((counts >> 8) & 0xff);
  return (row + ServiceField.BODY) * 4 + before;
}

/** In bytes. */
export function keyAt(words: Int32Array, row: number): number {
  const counts = words[row + ServiceField.ADDRESSES]!;
  const addresses = (counts & 0xff) + ((counts >> 16) & 0xff) + 4 * (((counts >> 8) & 0xff) + (counts >>> 24));
  const ports = words[row + ServiceField.FLAGS]! >>> 16;
  return (row + ServiceField.BODY + addresses + 2 * ports) * 4 + 1;
}

/** In words from the row's first. */
export function slicesAt(words: Int32Array, row: number): number {
  return words[row + ServiceField.SIZES]! >>> 16;
}

export function sizeAt(words: Int32Array, slice: number): number {
  return (words[slice + SliceField.NAMESPACE]! & SliceFlag.IPV6) === 0 ? 4 : 16;
}

export function hasRepeats(words: Int32Array, slice: number): boolean {
  return (words[slice + SliceField.NAMESPACE]! & SliceFlag.REPEATS) !== 0;
}

export function hasWords(
  words: Int32Array,
  first: number,
  count: number,
  wanted: Int32Array,
  at: number,
  size: number,
): boolean {
  for (let address = first, end = first + count * size; address < end; address += size) {
    let i = 0;
    while (i < size && words[address + i] === wanted[at + i]) i++;
    if (i === size) return true;
  }
  return false;
}

/** In words. The row ends with the slice's name and the cluster. */
export function sliceLength(words: Int32Array, slice: number): number {
  const lengths = words[slice + SliceField.NAME_LENGTHS]!;
  return (words[slice + SliceField.NAME_AT]! + (lengths & 0xff) + ((lengths >> 8) & 0xff) + 3) >> 2;
}

/** Whether none of the first `count` addresses is the one that stands behind them. */
export function isNewAddress(addresses: Uint8Array, count: number, size: number): boolean {
  const last = count * size;
  for (let other = 0; other < last; other += size) {
    let i = 0;
    while (i < size && addresses[other + i] === addresses[last + i]) i++;
    if (i === size) return false;
  }
  return true;
}
