/**
 * The UDP sockets of all listeners: one per address and worker, members of one SO_REUSEPORT group, opened and kept by
 * the supervisor. A worker only reads and writes them, so they outlive it: what is queued in a dead worker's socket is
 * answered by its replacement, and meanwhile the group's steering program sends nothing there. Where the process has a parent
 * that keeps sockets, they outlive the process too.
 */
import { native } from "../native/index.ts";
import { Logger } from "../plugin/logger.ts";
import { type ListenerPlan, socketId, socketIds } from "../plugin/plan.ts";
import { closeFd, openUdp, RECEIVE_BUFFER, setSteering, socketDrops } from "../transport/udp.ts";
import { probeUdp } from "../transport/udp-portable.ts";
import type { Parent } from "./parent.ts";

export class Sockets {
  /** By socket id: a descriptor for each worker. */
  readonly #groups = new Map<string, number[]>();
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
    return opened;
  }

  /** Whether there was none; throws, with nothing left open. */
  #openGroup(address: string, port: number): boolean {
    const id = socketId(address, port);
    if (this.#groups.has(id)) return false;
    const before = this.#parent.take(id, this.#workers);
    if (before !== undefined) {
      this.#groups.set(id, before);
      return true;
    }
    const group: number[] = [];
    this.#groups.set(id, group);
    try {
      for (let worker = 0; worker < this.#workers; worker++) {
        group.push(openUdp({ address, port, receiveBuffer: RECEIVE_BUFFER }));
      }
    } catch (error) {
      this.close([id]);
      throw error;
    }
    this.#parent.keep(id, group);
    return true;
  }

  close(ids: Iterable<string>): void {
    for (const id of ids) {
      const group = this.#groups.get(id) ?? [];
      this.#parent.forget(id, group.length);
      for (const fd of group) {
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
    return new Map([...this.#groups].map(([id, group]) => [id, group[worker]!]));
  }

  /**
   * From now on new datagrams go to the workers in `live` only. With none alive they are queued by the kernel's hash; so they
   * are always where the system refuses the program, some in the socket of a worker that is down, for its replacement.
   */
  steer(live: readonly number[]): void {
    for (const group of this.#groups.values()) {
      if (group.length < 2) continue;
      try {
        setSteering(group[0]!, live);
      } catch (error) {
        const { message } = error as Error;
        if (!this.#warned) new Logger().warning(`Queries are spread over workers by the kernel's hash: ${message}`);
        this.#warned = true;
      }
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
    const fds = ids.flatMap((id) => this.#groups.get(id) ?? []);
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

/** The kernel counts in 32 bits, which a flood can fill in hours. */
interface Drops {
  read: number;
  total: number;
}
