/** A named pipe at `path`, and a process that writes `text` into it as soon as somebody reads. */
import { execFileSync, spawn } from "node:child_process";
import type { TestContext } from "node:test";

export function makePipe(t: TestContext, path: string, text: string): void {
  execFileSync("mkfifo", [path]);
  const writer = spawn("sh", ["-c", 'exec printf %s "$1" > "$0"', path, text], { stdio: "ignore" });
  t.after(() => writer.kill());
}
