import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFlags, usage } from "../../src/cli/flags.ts";

const DEFAULTS = { conf: undefined, dnsPort: undefined, logFormat: "text", pidfile: undefined, quiet: false };

for (const { words, command, ...settings } of [
  { words: "", command: "serve" },
  { words: "-conf Corefile", conf: "Corefile" },
  { words: "--conf Corefile", conf: "Corefile" },
  { words: "-conf=a=b", conf: "a=b" },
  { words: "-conf -quiet", conf: "-quiet" },
  { words: "-conf=", conf: undefined },
  { words: "-conf stdin", conf: "stdin" },
  { words: "-dns.port 1053", dnsPort: 1053 },
  { words: "-p 1053", dnsPort: 1053 },
  { words: "-p=0", dnsPort: 0 },
  { words: "-p 1 --dns.port=2", dnsPort: 2 },
  { words: "-log-format json", logFormat: "json" },
  { words: "-pidfile /run/dns.pid", pidfile: "/run/dns.pid" },
  { words: "-quiet", quiet: true },
  { words: "-quiet=T", quiet: true },
  { words: "-quiet=false", quiet: false },
  { words: "-version=false -plugins=0" },
  { words: "-quiet --", quiet: true },
  { words: "check", command: "check" },
  { words: "check -conf x", command: "check", conf: "x" },
  { words: "-conf x check", command: "check", conf: "x" },
  { words: "-conf check", conf: "check" },
  { words: "example -p 5353", command: "example", dnsPort: 5353 },
  { words: "serve -quiet", command: "serve", quiet: true },
] as ({ words: string; command?: string } & Record<string, unknown>)[]) {
  test(`flags: '${words}'`, () => {
    assert.deepEqual(parseFlags(split(words)), {
      action: "run",
      command: command ?? "serve",
      settings: { ...DEFAULTS, ...settings },
    });
  });
}

for (const { words, action } of [
  { words: "-version", action: "version" },
  { words: "--version=1", action: "version" },
  { words: "-plugins", action: "plugins" },
  { words: "-plugins -version", action: "version" },
  { words: "-p domain -version", action: "version" },
]) {
  test(`flags: '${words}'`, () => assert.deepEqual(parseFlags(split(words)), { action }));
}

test("flags: manifest has flags of its own", () => {
  const words = ["-image", "x", "-help"];
  assert.deepEqual(parseFlags(["manifest", ...words]), { action: "manifest", words });
});

for (const { words, says, exitCode } of [
  { words: "-nope", says: "flag provided but not defined: -nope", exitCode: 2 },
  { words: "--nope=1", says: "flag provided but not defined: -nope", exitCode: 2 },
  { words: "-toString", says: "flag provided but not defined: -toString", exitCode: 2 },
  { words: "---x", says: "bad flag syntax: ---x", exitCode: 2 },
  { words: "-=x", says: "bad flag syntax: -=x", exitCode: 2 },
  { words: "-conf", says: "flag needs an argument: -conf", exitCode: 2 },
  { words: "-quiet=maybe", says: 'invalid boolean value "maybe" for -quiet: parse error', exitCode: 2 },
  { words: "-version=", says: 'invalid boolean value "" for -version: parse error', exitCode: 2 },
  { words: "-windows-service", says: "-windows-service: this server does not run as a Windows service", exitCode: 2 },
  { words: "pos", says: "extra command line arguments: [pos]", exitCode: 1 },
  { words: "-version a b", says: "extra command line arguments: [a b]", exitCode: 1 },
  { words: "-quiet true", says: "extra command line arguments: [true]", exitCode: 1 },
  { words: "-", says: "extra command line arguments: [-]", exitCode: 1 },
  { words: "-- -version", says: "extra command line arguments: [-version]", exitCode: 1 },
  { words: "check check", says: "extra command line arguments: [check]", exitCode: 1 },
  { words: "check manifest", says: "extra command line arguments: [manifest]", exitCode: 1 },
  { words: "check Corefile", says: "extra command line arguments: [Corefile]", exitCode: 1 },
  { words: "-log-format xml", says: 'unknown log format "xml": expected text or json', exitCode: 1 },
  { words: "-log-format=", says: 'unknown log format "": expected text or json', exitCode: 1 },
  { words: "-p domain", says: 'invalid value "domain" for -dns.port, expected a port from 0 to 65535', exitCode: 1 },
  { words: "-p 65536", says: 'invalid value "65536" for -dns.port, expected a port from 0 to 65535', exitCode: 1 },
  { words: "-p=", says: 'invalid value "" for -dns.port, expected a port from 0 to 65535', exitCode: 1 },
  { words: "-p -5", says: 'invalid value "-5" for -dns.port, expected a port from 0 to 65535', exitCode: 1 },
]) {
  test(`flags: '${words}' is refused`, () => {
    const text = exitCode === 2 ? `${says}\n${usage()}` : `${says}\n`;
    assert.deepEqual(parseFlags(split(words)), { action: "print", text, stream: "stderr", exitCode });
  });
}

for (const words of ["-h", "-help", "--help", "--help=1", "check -help"]) {
  test(`flags: '${words}' shows the usage`, () => {
    assert.deepEqual(parseFlags(split(words)), { action: "print", text: usage(), stream: "stderr", exitCode: 0 });
  });
}

test("flags: the usage begins with CoreDNS's own", () => {
  const lines = usage().split("\n");
  assert.equal(lines[0], "Usage of weftdns:");
  assert.deepEqual(
    lines.filter((line) => line.startsWith("  -")),
    [
      "  -conf string",
      "  -dns.port string",
      "  -log-format string",
      "  -p string",
      "  -pidfile string",
      "  -plugins",
      "  -quiet",
      "  -version",
    ],
  );
});

function split(words: string): string[] {
  return words === "" ? [] : words.split(" ");
}
