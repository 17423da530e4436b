/** A hosts file from its bytes to a table: what runs on a thread of its own when the file is large. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { systemMessage } from "../../corefile/system-message.ts";
import { ZoneFinder } from "../../dns/zone-finder.ts";
import { HostsText } from "./hosts-text.ts";
import type { HostsTable } from "./table.ts";
import { TableBuilder } from "./table-builder.ts";

export interface LoadRequest {
  readonly path: string;
  readonly zones: readonly string[];
  readonly reverse: boolean;
}

export type LoadedHosts =
  | { readonly table: HostsTable; readonly problems: readonly string[]; readonly moreProblems: number }
  | { readonly error: string };

/** What is read at once. */
const PIECE = 256 * 1024;
/** For what does not say how long it is, a pipe for instance: a guess, and where it ends for us. */
const UNKNOWN_SIZE = 1 << 24;
const MAX_UNKNOWN_SIZE = 1 << 28;

/** The job. */
export function run({ path, zones, reverse }: LoadRequest): LoadedHosts {
  let file: number;
  try {
    // What is no regular file must not hold the thread: a pipe without writer has no bytes.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return { error: `Failed to open hosts file "${path}": open ${path}: ${systemMessage(error)}` };
  }
  try {
    const { size } = fstatSync(file);
    const table = new TableBuilder(size > 0 ? size : UNKNOWN_SIZE, reverse);
    const text = new HostsText(table, new ZoneFinder(zones));
    const bytes = Buffer.allocUnsafe(Math.min(PIECE, size > 0 ? size + MIN_ROOM : PIECE));
    let total = 0;
    for (let kept = 0; ; ) {
      const read = readSync(file, bytes, kept, bytes.length - kept, null);
      const length = kept + read;
      const isLast = read === 0;
      total += read;
      if (size === 0 && total > MAX_UNKNOWN_SIZE) {
        return { error: `Failed to parse hosts file "${path}": it has no size, and no end after 256 MiB` };
      }
      const done = text.read(bytes, length, isLast);
      if (!text.fits) return { error: `Failed to parse hosts file "${path}": more than 2 GiB of entries` };
      if (isLast) return { table: table.finish(), problems: text.problems, moreProblems: text.moreProblems };
      bytes.copyWithin(0, done, length);
      kept = length - done;
    }
  } catch (error) {
    return { error: `Failed to parse hosts file "${path}": read ${path}: ${systemMessage(error)}` };
  } finally {
    closeSync(file);
  }
}
/** What a word cut at the end of a piece takes, and a byte more so that each reading brings something. */
const MIN_ROOM = 2_048;

/** The same for a text. */
export function loadText(
  text: string,
  zones: readonly string[],
  reverse: boolean,
): Extract<LoadedHosts, { table: unknown }> {
  const bytes = Buffer.from(text, "utf8");
  const table = new TableBuilder(bytes.length, reverse);
  const reader = new HostsText(table, new ZoneFinder(zones));
  reader.read(bytes, bytes.length, true);
  return { table: table.finish(), problems: reader.problems, moreProblems: reader.moreProblems };
}
