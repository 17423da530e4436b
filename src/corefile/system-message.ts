/** What the C library calls a failure, without the code and the path that Node.js puts around it. */
export function systemMessage(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== undefined && WORDS[code] !== undefined) return WORDS[code];
  return /^[A-Z0-9]+: ([^,]+)/.exec(message)?.[1] ?? message;
}

/** Where libuv has words of its own. */
const WORDS: Record<string, string> = {
  EISDIR: "is a directory",
  EIO: "input/output error",
  ELOOP: "too many levels of symbolic links",
  ENAMETOOLONG: "file name too long",
};
