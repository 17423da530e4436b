/** Pieces of messages in hexadecimal digits, for cases that send what no resolver would. */
import { optWire, questionWire, recordWire } from "../support/wire.ts";

/** A header behind an id that the runner replaces. `counts` are those of questions, answers, authorities, additionals. */
export function header(flags: string, counts: readonly [number, number, number, number]): string {
  return `0000 ${flags} ${counts.map((count) => count.toString(16).padStart(4, "0")).join(" ")} `;
}

/** What replies without anything behind their header look like, without the id. */
export function bareReply(flags: string): string {
  return `${flags} 0000 0000 0000 0000`;
}

export function question(ask: string): string {
  return `${questionWire(ask).toString("hex")} `;
}

export function record(line: string): string {
  return `${recordWire(line).toString("hex")} `;
}

export function opt(size = 1232): string {
  return `${optWire({ size }).toString("hex")} `;
}
