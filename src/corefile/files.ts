/** How the parser reads the files that a Corefile imports. Tests hand in their own. */

import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { MAX_FILE_LENGTH } from "./lexer.ts";

export interface CorefileFiles {
  /** The text of a file. Throws an Error with a `code` as `node:fs` does. */
  readFile(path: string): string;
  /** The paths that match, sorted; an empty list when none does. `*` and `?` do not match a slash. */
  glob(pattern: string): readonly string[];
}

export const diskFiles: CorefileFiles = { readFile: (path) => readBounded(path), glob: globOnDisk };

/** Reads a file whole, but never more than a Corefile may have, so that a device or a giant file costs nothing. */
export function readBounded(path: string, encoding: "utf8" | "latin1" = "utf8"): string {
  const descriptor = openFile(path);
  try {
    if (fstatSync(descriptor).isDirectory()) throw Object.assign(new Error("is a directory"), { code: "EISDIR" });
    const chunks: Buffer[] = [];
    let length = 0;
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK_LENGTH);
      const count = readSync(descriptor, chunk);
      if (count === 0) return Buffer.concat(chunks).toString(encoding);
      chunks.push(chunk.subarray(0, count));
      length += count;
      if (length > MAX_FILE_LENGTH) throw Object.assign(new Error(tooLongText()), { code: "EFBIG" });
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Opens a file to be read. A pipe is refused: it may never have a writer, and whoever opened or read it would wait for one. */
export function openFile(path: string): number {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (!fstatSync(descriptor).isFIFO()) return descriptor;
  closeSync(descriptor);
  throw Object.assign(new Error("is a pipe"), { syscall: "open" });
}

export function tooLongText(): string {
  return `larger than ${MAX_FILE_LENGTH >> 20} MiB`;
}

/** Most Corefiles fit in one. */
const CHUNK_LENGTH = 64 * 1024;

/** `pattern` is absolute; the folders in it may have wildcards too. */
function globOnDisk(pattern: string): readonly string[] {
  const folder = dirname(pattern);
  const folders = /[*?]/.test(folder) ? globOnDisk(folder) : [folder];
  return folders.flatMap((path) => matches(path, basename(pattern)).map((name) => join(path, name)));
}

function matches(folder: string, pattern: string): string[] {
  const shape = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  const whole = new RegExp(`^${shape}$`, "su");
  try {
    return readdirSync(folder)
      .filter((name) => whole.test(name))
      .sort();
  } catch {
    // A folder that is missing or closed to us has no files that match, as with Go's Glob.
    return [];
  }
}
