/** The addon's build: one clear line when it cannot be, and the install goes on. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { native } from "../../src/native/index.ts";

const root = join(import.meta.dirname, "../..");

describe("build.sh", { skip: process.platform === "linux" ? false : "it needs Linux" }, () => {
  const place = mkdtempSync(join(tmpdir(), "weftdns-build-"));
  after(() => rmSync(place, { recursive: true }));

  /** A package of ours inside `parent`, as a package manager would lay it out. */
  function install(parent: string): string {
    const target = join(place, parent);
    mkdirSync(join(target, "src"), { recursive: true });
    for (const part of ["src/native", "src/parent"]) cpSync(join(root, part), join(target, part), { recursive: true });
    return target;
  }

  function build(target: string, environment: NodeJS.ProcessEnv) {
    // From elsewhere, with the settings that lead node-gyp to other headers.
    const result = spawnSync("sh", [join(target, "src/native/build.sh")], {
      cwd: "/",
      env: { ...process.env, npm_config_nodedir: "/nonexistent", ...environment },
      encoding: "utf8",
    });
    return { ...result, built: existsSync(join(target, "dist/native/addon.node")) };
  }

  const plain = install("plain");
  symlinkSync(join(root, "node_modules"), join(plain, "node_modules"));

  for (const { name, environment, line } of [
    {
      name: "no compiler",
      environment: { CC: "no-such-compiler" },
      line: /\(no C compiler: no-such-compiler not found\)/,
    },
    { name: "a compiler that fails", environment: { CC: "false" }, line: /\(the compiler failed, see .*build\.log\)/ },
    { name: "a compiler with a bad option", environment: { CC: "cc -no-such-option" }, line: /\(the compiler failed/ },
  ])
    test(`${name}: one line, exit code 0, no addon of yesterday`, () => {
      mkdirSync(join(plain, "dist/native"), { recursive: true });
      writeFileSync(join(plain, "dist/native/addon.node"), "of yesterday");
      const { status, stdout, stderr, built } = build(plain, environment);
      assert.equal(status, 0);
      assert.equal(stdout, "");
      assert.match(stderr, line);
      assert.match(stderr, /^weftdns: the native addon was not built .*\n$/);
      assert.equal(built, false);
    });

  test("no headers: one line, exit code 0", () => {
    const { status, stderr, built } = build(install("alone"), {});
    assert.equal(status, 0);
    assert.match(stderr, /\(no headers: node-linux-.* is not installed\)/);
    assert.equal(built, false);
  });

  test("headers above us, as in a flat node_modules: built, silently, and nothing else is left", () => {
    symlinkSync(join(root, "node_modules"), join(place, "node_modules"));
    const target = install("nested");
    const { status, stdout, stderr, built } = build(target, {});
    assert.deepEqual({ status, stdout, stderr, built }, { status: 0, stdout: "", stderr: "", built: true });
    assert.deepEqual(readdirSync(join(target, "dist/native")).sort(), ["addon.node", "parent"]);
    const load = `process.stdout.write(String(require(${JSON.stringify(join(target, "dist/native/addon.node"))}).interfaceVersion))`;
    assert.equal(
      spawnSync(process.execPath, ["-e", load], { encoding: "utf8" }).stdout,
      String(native?.interfaceVersion),
    );
  });
});
