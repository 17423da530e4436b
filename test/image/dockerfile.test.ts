/** What the Dockerfile and its parts must keep to, read as text: the built image is asked in `run.test.ts`. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");
const dockerfile = read("Dockerfile");
const finalStage = dockerfile.slice(dockerfile.lastIndexOf("\nFROM "));

for (const { says, line } of [
  { says: "nothing below the final stage", line: "FROM scratch" },
  { says: "CoreDNS's entry point, without a shell", line: 'ENTRYPOINT ["/coredns"]' },
  { says: "CoreDNS's ports", line: "EXPOSE 53 53/udp" },
  { says: "a user by number, so that runAsNonRoot can check it", line: "USER 65532:65532" },
])
  test(`Dockerfile: ${says}`, () => assert.ok(finalStage.split("\n").includes(line), finalStage));

test("Dockerfile: what it copies from the checkout passes .dockerignore", () => {
  const kept = read(".dockerignore")
    .split("\n")
    .filter((line) => line.startsWith("!"))
    .map((line) => line.slice(1));
  for (const path of kept) assert.ok(existsSync(join(ROOT, path)), `.dockerignore keeps ${path}, which is not there`);
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, words]) => words!.split(" "));
  for (const path of copied.filter((word) => word !== ".")) assert.ok(kept.includes(path), path);
  for (const [, path] of read("image/assemble.sh").matchAll(/\$checkout\/([a-zA-Z_.]+)/g)) {
    if (path !== "dist" && path !== "node_modules")
      assert.ok(
        kept.some((name) => name.split("/")[0] === path),
        path,
      );
  }
});

test("assemble.sh: takes the flags of node out of bin/weftdns", () => {
  const pattern = /^flags=\$\((.*) "\$checkout\/bin\/weftdns"\)$/m.exec(read("image/assemble.sh"))?.[1];
  assert.ok(pattern !== undefined);
  const { stdout } = spawnSync("sh", ["-c", `${pattern} bin/weftdns`], { cwd: ROOT, encoding: "utf8" });
  const words = stdout.trim().split(" ");
  assert.ok(words.length > 0);
  for (const word of words) assert.match(word, /^--[a-z0-9-]+(=[\w-]+)?$/);
  assert.ok(read("bin/weftdns").includes(`exec "$node" ${words.join(" ")} "$root/dist/main.js"`));
});
