/** What a reply's authority section has: SOA and NS there say what an empty answer means. */
import { INDEX_WORDS, Index, type Reply, Section } from "./reply.ts";

/** Where in the reply's index the first record of `type` in the authority section is described, -1 for none. */
export function authorityRecord(reply: Reply, type: number): number {
  if (reply.counts[Section.AUTHORITY] === 0) return -1;
  const words = reply.indexRecords() * INDEX_WORDS;
  const { index } = reply;
  for (let at = 0; at < words; at += INDEX_WORDS) {
    if (index[at + Index.SECTION] === Section.AUTHORITY && index[at + Index.TYPE] === type) return at;
  }
  return -1;
}

export function authorityHas(reply: Reply, type: number): boolean {
  return authorityRecord(reply, type) >= 0;
}
