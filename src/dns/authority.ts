/** Whether a reply's authority section has a record of a type: SOA and NS there say what an empty answer means. */
import { INDEX_WORDS, Index, type Reply, Section } from "./reply.ts";

export function authorityHas(reply: Reply, type: number): boolean {
  if (reply.counts[Section.AUTHORITY] === 0) return false;
  const count = reply.indexRecords();
  const { index } = reply;
  for (let i = 0; i < count; i++) {
    const at = i * INDEX_WORDS;
    if (index[at + Index.SECTION] === Section.AUTHORITY && index[at + Index.TYPE] === type) return true;
  }
  return false;
}
