/**
 * Who else receives on our UDP ports? While one server takes another's place on the same port, both have sockets in one
 * SO_REUSEPORT group, and a steering program is the whole group's. It names sockets by their places, which are known to
 * those only who came first: when a socket is closed, the last of the group moves to its place.
 */
import { fstatSync } from "node:fs";
import { readFile } from "node:fs/promises";

/** The UDP sockets of all processes, by inode: address family, address and port, as the kernel writes them. */
export type UdpSockets = ReadonlyMap<number, Place>;

interface Place {
  readonly family: 4 | 6;
  readonly address: string;
  readonly port: string;
}

/** None where the system does not tell. */
export async function readUdpSockets(): Promise<UdpSockets> {
  const [udp, udp6] = await Promise.all(
    ["udp", "udp6"].map((name) => readFile(`/proc/net/${name}`, "latin1").catch(() => "")),
  );
  return new Map([...parse(udp!, 4), ...parse(udp6!, 6)]);
}

/** Columns: number, local address, remote address, state, queues, timer, retransmits, user, timeout, inode. */
function parse(table: string, family: 4 | 6): [number, Place][] {
  const rows = table.split("\n").slice(1, -1);
  return rows.map((row) => {
    const columns = row.trim().split(/\s+/);
    const [address, port] = columns[1]!.split(":");
    return [Number(columns[9]), { family, address: address!, port: port! }];
  });
}

/** Whether others have sockets in the group whose members of ours are `fds`, or had in any of the `earlier` looks. */
export function isShared(fds: readonly number[], now: UdpSockets, ...earlier: readonly UdpSockets[]): boolean {
  return hasOthers(fds, now, [now, ...earlier], isSame);
}

/** Whether what comes for `fds` finds another process once these receive no more. */
export function hasSuccessor(fds: readonly number[], now: UdpSockets): boolean {
  return hasOthers(fds, now, [now], (other, own) => isSame(other, own) || isOnAll(other, own));
}

function hasOthers(
  fds: readonly number[],
  now: UdpSockets,
  looks: readonly UdpSockets[],
  fits: (other: Place, own: Place) => boolean,
): boolean {
  const inodes = new Set(fds.map((fd) => fstatSync(fd).ino));
  const own = fds.length > 0 ? now.get([...inodes][0]!) : undefined;
  if (own === undefined) return false;
  return looks.some((sockets) => [...sockets].some(([inode, other]) => !inodes.has(inode) && fits(other, own)));
}

function isSame(other: Place, own: Place): boolean {
  return other.family === own.family && other.address === own.address && other.port === own.port;
}

/** IPv6's wildcard takes what comes for IPv4, too, as long as its owner has not said otherwise: few do. */
function isOnAll(other: Place, own: Place): boolean {
  return other.port === own.port && other.family >= own.family && /^0+$/.test(other.address);
}
