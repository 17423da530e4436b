/** What the C library calls a failure, as Go prints it, without the code and the path that Node.js puts around it. */
import { getSystemErrorMap } from "node:util";

export function systemMessage(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException;
  return errno === undefined ? message : errnoMessage(-errno);
}

/** The same for the number that a system call gives. */
export function errnoMessage(errno: number): string {
  const [code, text] = SYSTEM_ERRORS.get(-errno) ?? ["", `errno ${errno}`];
  return WORDS.get(code) ?? text;
}

const SYSTEM_ERRORS = getSystemErrorMap();

/** Where libuv has words of its own. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ["EADDRNOTAVAIL", "cannot assign requested address"],
  ["EAFNOSUPPORT", "address family not supported by protocol"],
  ["EHOSTUNREACH", "no route to host"],
  ["EIO", "input/output error"],
  ["EISDIR", "is a directory"],
  ["ELOOP", "too many levels of symbolic links"],
  ["ENAMETOOLONG", "file name too long"],
]);
