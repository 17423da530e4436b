/** Memory that is looked into at random costs a miss of the page table's cache with nearly every look; huge pages spare it. */
import { native } from "../native/index.ts";

/** Below this the page table's cache holds all of it anyway. */
const HUGE_FROM = 4 * 1024 * 1024;

/**
 * Asks for huge pages behind the bytes from `from` on, where the system grants them. What is touched takes memory two MiB at a
 * time then: not for what stays nearly empty.
 */
export function preferHugePages(buffer: SharedArrayBuffer, from = 0): void {
  const size = buffer.byteLength - from;
  if (size >= HUGE_FROM) native?.useHugePages(new Uint8Array(buffer, from, size));
}
