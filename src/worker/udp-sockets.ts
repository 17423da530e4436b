/** The UDP sockets of a worker, from one plan to the next. */
import { type ListenerPlan, socketAddresses, socketId, socketIds } from "../plugin/plan.ts";
import type { Served } from "./engine.ts";
import type { UdpServer } from "./udp-server.ts";

export class UdpSockets {
  readonly #udp: UdpServer;
  /** By `socketId`: its number in the UDP port. */
  readonly #open = new Map<string, number>();
  /**
   * Those that the plan in use has not. They are read until all workers have left theirs and the supervisor closes its own: as
   * long as there is one, the kernel may give it what comes.
   */
  readonly #left = new Set<string>();
  #waiting: (() => void)[] = [];

  constructor(udp: UdpServer) {
    this.#udp = udp;
  }

  /**
   * Opens, into `opened`, what a listener of the plan to come needs and is not there: taking over has nothing left that may
   * fail. `descriptors` are the supervisor's; where it opens none at all, the worker does.
   */
  open(served: Served, descriptors: ReadonlyMap<string, number>, opened: Map<string, number>): void {
    const { port } = served.plan;
    for (const address of socketAddresses(served.plan)) {
      const id = socketId(address, port);
      const fd = descriptors.get(id);
      // The supervisor could not open it.
      if (this.#open.has(id) || (fd === undefined && descriptors.size > 0)) continue;
      opened.set(id, this.#udp.listen(fd === undefined ? { address, port } : { address, port, fd }, served));
    }
  }

  /** The plan that `opened` was for does not come. */
  discard(opened: ReadonlyMap<string, number>): void {
    for (const socket of opened.values()) this.#udp.remove(socket);
  }

  /** From now on what comes is for these listeners, which are all that the plan has; the sockets of no listener are left. */
  take(listeners: readonly Served[], opened: ReadonlyMap<string, number>): void {
    for (const [id, socket] of opened) this.#open.set(id, socket);
    for (const id of this.#open.keys()) this.#left.add(id);
    for (const served of listeners) {
      for (const id of socketIds(served.plan)) {
        const socket = this.#open.get(id);
        if (socket === undefined) continue;
        this.#left.delete(id);
        this.#udp.switchTo(socket, served);
      }
    }
  }

  /** Whether the plan in use has left a socket of this listener. */
  hasLeft(listener: ListenerPlan): boolean {
    return socketIds(listener).some((id) => this.#left.has(id));
  }

  /** Reads no more what was left of these. */
  letGo(listeners: readonly ListenerPlan[]): void {
    this.#letGo(listeners.flatMap(socketIds).filter((id) => this.#left.has(id)));
  }

  /** All workers have left theirs. */
  release(): void {
    this.#letGo([...this.#left]);
    for (const settle of this.#waiting.splice(0)) settle();
  }

  /** Settles when nothing is read any more that the plan in use has not. */
  async released(): Promise<void> {
    if (this.#left.size > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Nothing comes any more. */
  close(): void {
    this.#left.clear();
    this.#udp.close();
  }

  #letGo(ids: readonly string[]): void {
    for (const id of ids) {
      this.#udp.remove(this.#open.get(id)!);
      this.#open.delete(id);
      this.#left.delete(id);
    }
  }
}
