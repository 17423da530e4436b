/** Threads start from a file: TypeScript when the sources run as they are (tests), JavaScript when compiled (users). */
export function entryUrl(path: string): string {
  const extension = import.meta.filename.endsWith(".ts") ? "ts" : "js";
  return new URL(`${path}.${extension}`, import.meta.url).href;
}
