/**
 * The UDP sockets of all listeners: one per address and worker, members of one SO_REUSEPORT group, opened and kept by
 * the supervisor. A worker only reads and writes them, so they outlive it: what is queued in a dead worker's socket is
 * answered by its replacement, and meanwhile the group's steering program sends nothing there. Where the process has a parent
 * that keeps sockets, they outlive the process too.
 */
import { native } from "../native/index.ts";
import { Logger } from "../plugin/logger.ts";
import { type ListenerPlan, socketId, socketIds } from "../plugin/plan.ts";
import { closeFd, openUdp, RECEIVE_BUFFER, refuseNew, setSteering, socketDrops } from "../transport/udp.ts";
import { probeUdp } from "../transport/udp-portable.ts";
import type { Parent } from "./parent.ts";
import { hasSuccessor, isShared, readUdpSockets } from "./shared-ports.ts";

/** How often is looked whether those who were on a port before us have gone. */
const SHARED_LOOK_MS = 1_000;

/** The sockets of one address and port. */
interface Group {
  /** By worker. */
  readonly fds: number[];
  /** Whether a worker's socket is known to have that worker's place in the kernel's group. If not, no program is attached. */
  hasPlaces: boolean;
  /** What the parent calls them, when it has them. */
  kept: string | undefined;
}

export class Sockets {
  /** By socket id. */
  readonly #groups = new Map<string, Group>();
  /** Those that others came to before us, as long as they are there. */
  readonly #shared = new Set<Group>();
  #looking: NodeJS.Timeout | undefined;
  #listeners: readonly ListenerPlan[] = [];
  readonly #workers: number;
  readonly #parent: Parent;
  readonly #probed = new Set<string>();
  /** By descriptor. */
  readonly #drops = new Map<number, Drops>();
  #closedDrops = 0;

  constructor(workers: number, parent: Parent) {
    this.#workers = workers;
    this.#parent = parent;
  }

  /** Opens what `listeners` need and is not open. Gives the ids of those; throws, with nothing left open of them. */
  async open(listeners: readonly ListenerPlan[]): Promise<string[]> {
    const opened: string[] = [];
    if (!native) {
      // Each worker opens its own; whether it can is found out before one tries. Not on what is served already: a
      // socket that joins the group for a moment takes queries with it.
      for (const { id, address, port } of listeners) {
        if (!this.#probed.has(id)) await probeUdp({ address, port });
        this.#probed.add(id);
      }
      return opened;
    }
    if (this.#listeners.length === 0) this.#listeners = listeners;
    const before = await readUdpSockets();
    try {
      for (const { id, address, port } of listeners) if (this.#openGroup(address, port)) opened.push(id);
    } catch (error) {
      this.close(opened);
      throw error;
    }
    for (const { ownAddresses, port } of listeners) {
      for (const address of ownAddresses) {
        try {
          if (this.#openGroup(address, port)) opened.push(socketId(address, port));
        } catch {
          // The address has gone, or is not usable yet: what comes there finds the socket on all addresses.
        }
      }
    }
    this.#parent.closeRest();
    if (opened.length === 0) return opened;
    const now = await readUdpSockets();
    for (const id of opened) {
      const group = this.#groups.get(id);
      // The server may have been told to end meanwhile.
      if (group === undefined) continue;
      if (group.kept === undefined) {
        group.hasPlaces = !isShared(group.fds, now, before);
        group.kept = group.hasPlaces ? id : withoutPlaces(id);
        this.#parent.keep(group.kept, group.fds);
      }
      if (!group.hasPlaces) this.#shared.add(group);
    }
    this.#lookLater();
    return opened;
  }

  /** Whether there was none; throws, with nothing left open. */
  #openGroup(address: string, port: number): boolean {
    const id = socketId(address, port);
    if (this.#groups.has(id)) return false;
    for (const name of [id, withoutPlaces(id)]) {
      const fds = this.#parent.take(name, this.#workers);
      if (fds === undefined) continue;
      this.#groups.set(id, { fds, hasPlaces: name === id, kept: name });
      return true;
    }
    const fds: number[] = [];
    this.#groups.set(id, { fds, hasPlaces: false, kept: undefined });
    try {
      for (let worker = 0; worker < this.#workers; worker++) {
        fds.push(openUdp({ address, port, receiveBuffer: RECEIVE_BUFFER }));
      }
    } catch (error) {
      this.close([id]);
      throw error;
    }
    return true;
  }

  #lookLater(): void {
    if (this.#shared.size === 0) return;
    this.#looking ??= setTimeout(() => void this.#lookAtShared(), SHARED_LOOK_MS).unref();
  }

  /** Those who have gone may have left a program that was meant for their own sockets. */
  async #lookAtShared(): Promise<void> {
    const now = await readUdpSockets();
    this.#looking = undefined;
    for (const group of this.#shared) {
      if (isShared(group.fds, now)) continue;
      this.#shared.delete(group);
      // Which socket took which place nobody can say, but for a single one.
      group.hasPlaces = group.fds.length === 1;
      this.#attach(group, group.hasPlaces ? [0] : []);
    }
    this.#lookLater();
  }

  /** Where others receive on our ports, or on all addresses, they get what comes from now on. What has come is still read. */
  async leave(): Promise<void> {
    if (!native) return;
    const now = await readUdpSockets();
    for (const group of this.#groups.values()) {
      if (!hasSuccessor(group.fds, now)) continue;
      if (group.hasPlaces) this.#attach(group, []);
      group.hasPlaces = false;
      this.#shared.delete(group);
      try {
        group.fds.forEach(refuseNew);
      } catch {
        // They are closed when their clients have gone elsewhere.
      }
    }
  }

  close(ids: Iterable<string>): void {
    for (const id of ids) {
      const group = this.#groups.get(id);
      if (group === undefined) continue;
      if (group.kept !== undefined) this.#parent.forget(group.kept, group.fds.length);
      this.#shared.delete(group);
      for (const fd of group.fds) {
        this.#closedDrops += this.#dropsOf(fd);
        this.#drops.delete(fd);
        closeFd(fd);
      }
      this.#groups.delete(id);
    }
  }

  /** Closes the groups of listeners that are not among `listeners`. */
  keepOnly(listeners: readonly ListenerPlan[]): void {
    this.#listeners = listeners;
    const kept = new Set(listeners.flatMap(socketIds));
    this.close([...this.#groups.keys()].filter((id) => !kept.has(id)));
  }

  /** The descriptors of one worker, by socket id. */
  of(worker: number): Map<string, number> {
    return new Map([...this.#groups].map(([id, { fds }]) => [id, fds[worker]!]));
  }

  /**
   * From now on new datagrams go to the workers in `live` only, and none to a process that comes to the same port. With none
   * alive they are queued by the kernel's hash; so they are always where the system refuses the program, or others were on the
   * port before us: some in the socket of a worker that is down, for its replacement.
   */
  steer(live: readonly number[]): void {
    for (const group of this.#groups.values()) if (group.hasPlaces) this.#attach(group, live);
  }

  #attach({ fds }: Group, live: readonly number[]): void {
    try {
      setSteering(fds[0]!, live);
    } catch (error) {
      if (fds.length === 1 || this.#warned) return;
      this.#warned = true;
      new Logger().warning(`Queries are spread over workers by the kernel's hash: ${(error as Error).message}`);
    }
  }
  #warned = false;

  /** Datagrams that the kernel dropped, by listener id. */
  drops(): Map<string, number> {
    return new Map(this.#listeners.map((listener) => [listener.id, this.#sum(socketIds(listener))]));
  }

  /** The same of all listeners, those that are closed too. */
  totalDrops(): number {
    return this.#closedDrops + this.#sum([...this.#groups.keys()]);
  }

  #sum(ids: readonly string[]): number {
    const fds = ids.flatMap((id) => this.#groups.get(id)?.fds ?? []);
    return fds.reduce((sum, fd) => sum + this.#dropsOf(fd), 0);
  }

  #dropsOf(fd: number): number {
    const drops = this.#drops.get(fd) ?? { read: 0, total: 0 };
    this.#drops.set(fd, drops);
    const read = socketDrops(fd);
    drops.total += (read - drops.read) >>> 0;
    drops.read = read;
    return drops.total;
  }
}

/** A next process that takes these sockets over from the parent must not steer them either. */
function withoutPlaces(id: string): string {
  return `${id}*`;
}

/** The kernel counts in 32 bits, which a flood can fill in hours. */
interface Drops {
  read: number;
  total: number;
}
