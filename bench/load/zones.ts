/**
 * The zone files that every server of a scenario loads: SOA, two NS with their addresses, hostN A 10.x.y.z, and where large
 * answers are wanted TXT records, all of one size, that begin with the name's number.
 */
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Texts } from "./scenarios.ts";
import { buildDirectory } from "./tools.ts";

const linesPerWrite = 10_000;

export function zoneFile(names: number, texts?: Texts): string {
  const directory = join(buildDirectory, "zones");
  const kind = texts === undefined ? "" : `-${texts.count}x${texts.size}`;
  const path = join(directory, `example.org-${names}${kind}.zone`);
  if (existsSync(path)) return path;
  mkdirSync(directory, { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  const file = openSync(unfinished, "w");
  writeSync(
    file,
    `$ORIGIN example.org.
$TTL 3600
@ IN SOA ns1 admin 1 7200 3600 1209600 300
@ IN NS ns1
@ IN NS ns2
ns1 IN A 192.0.2.1
ns2 IN A 192.0.2.2
`,
  );
  for (let first = 0; first < names; first += linesPerWrite) {
    let lines = "";
    for (let n = first; n < Math.min(names, first + linesPerWrite); n++)
      lines += `host${n} IN A ${address(n)}\n${textLines(n, texts)}`;
    writeSync(file, lines);
  }
  closeSync(file);
  renameSync(unfinished, path);
  return path;
}

/** The load computes the same address from the name's number, and so tells a wrong answer from a right one. */
function address(n: number): string {
  return `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
}

function textLines(n: number, texts: Texts | undefined): string {
  if (texts === undefined) return "";
  const { count, size } = texts;
  return Array.from({ length: count }, (_, i) => `host${n} IN TXT "${`${n} ${i} `.padEnd(size, "x")}"\n`).join("");
}
