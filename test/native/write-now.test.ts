/** writeNow never blocks, says what it wrote, and leaves the file's flags alone. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  constants as files,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { native } from "../../src/native/index.ts";
import { skipNative } from "../transport/udp-support.ts";

const { EAGAIN, EBADF, EPIPE } = constants.errno;
const PIPE_SIZE = 65536;

describe("writeNow", { skip: skipNative }, () => {
  const directory = mkdtempSync(join(tmpdir(), "weftdns-write-"));
  after(() => rmSync(directory, { recursive: true }));

  const openPipe = (name: string) => {
    const path = join(directory, name);
    execFileSync("mkfifo", [path]);
    const reader = openSync(path, files.O_RDONLY | files.O_NONBLOCK);
    return { reader, writer: openSync(path, files.O_WRONLY) };
  };
  const write = (fd: number, text: string, offset = 0, length = text.length) =>
    native!.writeNow(fd, Buffer.from(text), offset, length);

  test("a file takes everything, from an offset, at its end", () => {
    const path = join(directory, "file");
    writeFileSync(path, "before ");
    const fd = openSync(path, "a");
    assert.equal(write(fd, "--line--", 2, 4), 4);
    assert.equal(write(fd, ""), 0);
    const large = "x".repeat(300_000);
    assert.equal(write(fd, large), large.length);
    closeSync(fd);
    assert.equal(readFileSync(path, "utf8"), `before line${large}`);
  });

  test("a blocking pipe that nobody reads takes what fits, then nothing, and never blocks", () => {
    const { reader, writer } = openPipe("full");
    const flags = flagsOf(writer);
    assert.equal(flags & files.O_NONBLOCK, 0);
    assert.equal(write(writer, "y".repeat(PIPE_SIZE + 1000)), PIPE_SIZE);
    assert.equal(write(writer, "more"), -EAGAIN);
    assert.equal(flagsOf(writer), flags);
    // Room for a page: that much is taken, and the rest of the line is the caller's to keep.
    assert.equal(readSync(reader, Buffer.alloc(4096), 0, 4096, null), 4096);
    assert.equal(write(writer, "z".repeat(6000)), 4096);
    assert.equal(write(writer, "more"), -EAGAIN);
    closeSync(reader);
    assert.equal(write(writer, "nobody"), -EPIPE);
    closeSync(writer);
  });

  test("a socket that nobody reads", async () => {
    const path = join(directory, "socket");
    const server = createServer((socket) => socket.pause()).listen(path);
    const client = connect(path);
    await once(client, "connect");
    // net has no name for it, but whoever inherits a socket as standard output writes to such a descriptor.
    const { fd } = (client as unknown as { _handle: { fd: number } })._handle;
    const taken = write(fd, "s".repeat(4_000_000));
    assert.ok(taken > 0 && taken < 4_000_000, `${taken}`);
    assert.equal(write(fd, "more"), -EAGAIN);
    client.destroy();
    server.close();
  });

  for (const { name, fd, bytes, offset, length } of [
    { name: "an offset outside", fd: 1, bytes: 4, offset: 5, length: 0 },
    { name: "a length outside", fd: 1, bytes: 4, offset: 2, length: 3 },
    { name: "a negative offset", fd: 1, bytes: 4, offset: -1, length: 1 },
    { name: "a sum that overflows", fd: 1, bytes: 4, offset: 2 ** 31 - 1, length: 2 ** 31 - 1 },
  ])
    test(`${name} is a mistake of ours`, () => {
      assert.throws(() => native!.writeNow(fd, new Uint8Array(bytes), offset, length), TypeError);
    });

  test("a descriptor that is none", () => assert.equal(write(1_000_000, "text"), -EBADF));
});

function flagsOf(fd: number): number {
  const info = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
  return Number.parseInt(/flags:\s+([0-7]+)/.exec(info)![1]!, 8);
}
