/**
 * Pods are called by their address, with dashes for its dots or colons: `10-0-0-1`, `fd00--1`.
 */
import { parseIpv4, parseIpv6 } from "../../dns/address.ts";
import type { ClusterView } from "../table/cluster-view.ts";
import { MAX_DASHED, writeDashed } from "../table/write-dashed.ts";

/** The address that the label at `at` stands for: gives its size, 4 or 16, or 0 for other labels. */
export function readHostLabel(bytes: Uint8Array, at: number, out: Uint8Array): number {
  const size = bytes[at]!;
  if (size > MAX_ADDRESS_TEXT) return 0;
  let dashes = 0;
  let isDouble = false;
  for (let i = 1; i <= size; i++) {
    if (bytes[at + i] !== DASH) continue;
    dashes++;
    isDouble ||= i > 1 && bytes[at + i - 1] === DASH;
  }
  const isIpv4 = dashes === 3 && !isDouble;
  const separator = isIpv4 ? DOT : COLON;
  for (let i = 0; i < size; i++) {
    const code = bytes[at + 1 + i]!;
    scratch[i] = code === DASH ? separator : code;
  }
  const text = scratch.toString("latin1", 0, size);
  if (isIpv4) return parseIpv4(text, out, 0) ? 4 : 0;
  return parseIpv6(text, out, 0) ? 16 : 0;
}

const MAX_ADDRESS_TEXT = 39;
const DASH = 0x2d;
const DOT = 0x2e;
const COLON = 0x3a;
/** A string that is cut from here takes half the time of one that grows letter by letter. */
const scratch = Buffer.alloc(MAX_ADDRESS_TEXT);

/** The label of an endpoint of the view's slice: its host name, else its address. */
export function hostOf({ slice, bytes }: ClusterView, endpoint: number): Uint8Array {
  const at = slice.hostAt(endpoint);
  if (at !== 0) return bytes.slice(at, at + bytes[at]! + 1);
  const size = slice.addressSize;
  const label = new Uint8Array(MAX_DASHED + 1);
  return label.slice(0, writeDashed(bytes, slice.addressesAt + endpoint * size, size, label, 0));
}
