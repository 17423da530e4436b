/** Where CoreDNS is on this machine: named by the variable COREDNS, on the PATH, or where `go install` puts it. */
import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

export function findCoreDns(): string | undefined {
  const places = [
    process.env.COREDNS,
    ...(process.env.PATH ?? "").split(delimiter).map((directory) => join(directory, "coredns")),
    join(homedir(), "go/bin/coredns"),
  ];
  return places.find((path) => path !== undefined && isExecutable(path));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
