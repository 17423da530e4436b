/**
 * What the kernel holds for connections. With cgroup v2 it counts as the container's memory, and stays when the connection is
 * closed until the other end has taken it or is given up, which takes minutes.
 */
import type { Server, Socket } from "node:net";
import { native } from "../native/index.ts";
import { descriptorOf } from "./descriptors.ts";

/** Bytes that the kernel holds for a socket, in both directions. 0 where nobody says, and when it is closed. */
export function kernelBytes(socket: Socket): number {
  const descriptor = descriptorOf(socket);
  return native === undefined || descriptor < 0 ? 0 : Math.max(0, native.socketMemory(descriptor));
}

/** Ends a connection, and has the kernel forget what the other end has not taken. */
export function closeNow(socket: Socket): void {
  if (kernelBytes(socket) > 0) native!.resetOnClose(descriptorOf(socket));
  socket.destroy();
}

/** The kernel holds so many bytes at most of what a client of `server` has not taken, instead of some 4 MiB. */
export function limitSending(server: Server, bytes: number): void {
  native?.setSendBuffer(descriptorOf(server), bytes);
}
