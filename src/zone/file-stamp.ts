/** Tells whether files are still those that were read. */
import { type Stats, statSync } from "node:fs";

/** By the paths of files: what each was before it was read. */
export type FileStamps = ReadonlyMap<string, string>;

/** The stamp of a file that is not there, or cannot be looked at. */
const NO_FILE = "";

/**
 * Another text when the file has changed, or another one has its name. Time and size alone would not do: who puts a file in the
 * place of another, by a link for instance, may keep both, but not the inode together with its time.
 */
export function stampOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${dev} ${ino} ${size} ${mtimeMs} ${ctimeMs}`;
}

export function stampAt(path: string): string {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats ? stampOf(stats) : NO_FILE;
  } catch {
    // A circle of links, a directory without rights: reading the file says so, with words.
    return NO_FILE;
  }
}

export function haveChanged(stamps: FileStamps): boolean {
  for (const [path, stamp] of stamps) if (stampAt(path) !== stamp) return true;
  return false;
}
