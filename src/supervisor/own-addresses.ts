/**
 * The kernel gives a datagram to the socket that is bound to the very address it was sent to, and only without one to that on
 * all addresses. The latter has to be told which address was asked, and to say from which it answers, which makes an answer
 * from the cache dearer by a twentieth. So a listener on all addresses has a socket on each that the machine has besides; what
 * comes to others (link-local ones, those that come later) finds the one on all.
 */
import { networkInterfaces } from "node:os";
import { type ListenerPlan, socketId } from "../plugin/plan.ts";
import { descriptorLimit } from "../transport/descriptors.ts";

/** A pod has two or three. A node may have those of all Services as well, which stand behind its own. */
const MAX_ADDRESSES = 8;

/** What is left of the descriptors is for listeners, connections, upstreams and files. */
const SHARE = 1 / 4;
/** A socket for each worker, and that one's own descriptor of it. */
const DESCRIPTORS_OF_WORKER = 2;

type Interfaces = ReturnType<typeof networkInterfaces>;

/** `listeners` with `ownAddresses` filled in, as far as there are descriptors to spare. */
export function giveOwnAddresses(
  listeners: readonly ListenerPlan[],
  workers: number,
  interfaces: Interfaces = networkInterfaces(),
  descriptors: number = descriptorLimit,
): ListenerPlan[] {
  let room = Math.floor((descriptors * SHARE) / (workers * DESCRIPTORS_OF_WORKER));
  const taken = new Set(listeners.map(({ id }) => id));
  // Those on all addresses of one family come before those on all of both, as they do for the kernel.
  const given = new Map<ListenerPlan, string[]>();
  for (const listener of listeners.toSorted((a, b) => Number(a.address === "") - Number(b.address === ""))) {
    const own = addressesOf(listener.address, interfaces)
      .filter((address) => !taken.has(socketId(address, listener.port)))
      .slice(0, room);
    room -= own.length;
    for (const address of own) taken.add(socketId(address, listener.port));
    given.set(listener, own);
  }
  return listeners.map((listener) => ({ ...listener, ownAddresses: given.get(listener)! }));
}

function addressesOf(wildcard: string, interfaces: Interfaces): string[] {
  const families = FAMILIES[wildcard];
  if (families === undefined) return [];
  const all = Object.values(interfaces).flatMap((entries) => entries ?? []);
  const some = all.filter(({ family, scopeid }) => families.includes(family) && !scopeid).map(({ address }) => address);
  return [...new Set(some)].slice(0, MAX_ADDRESSES);
}

/** By an address that means all. */
const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  "": ["IPv4", "IPv6"],
  "0.0.0.0": ["IPv4"],
  "::": ["IPv6"],
};
