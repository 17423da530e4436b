/** The zone files that every server of a scenario loads: SOA, two NS with their addresses, and hostN A 10.x.y.z. */
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { buildDirectory } from "./tools.ts";

const linesPerWrite = 10_000;

export function zoneFile(names: number): string {
  const directory = join(buildDirectory, "zones");
  const path = join(directory, `example.org-${names}.zone`);
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
    for (let n = first; n < Math.min(names, first + linesPerWrite); n++) lines += `host${n} IN A ${address(n)}\n`;
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
