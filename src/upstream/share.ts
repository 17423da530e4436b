/** The asker of this thread: made when the first plugin wants to ask, gone when the last one has stopped. */
import { waitingAtMost } from "../memory/shares.ts";
import { upstreamSockets } from "../transport/descriptors.ts";
import { createPacketPort } from "../transport/udp.ts";
import { Asker, MAX_EXCHANGES } from "./asker.ts";

let shared: Asker | undefined;
let users = 0;

export interface SharedAsker {
  readonly asker: Asker;
  /** Ends the use; what is under way comes to its end first. */
  release(): void;
}

export function shareAsker(workers: number): SharedAsker {
  shared ??= new Asker({
    openPort: (onBatch) => createPacketPort({}, onBatch),
    maxExchanges: waitingAtMost(MAX_EXCHANGES, workers),
    maxSockets: upstreamSockets(workers),
  });
  const asker = shared;
  users++;
  let released = false;
  return {
    asker,
    release() {
      if (released) return;
      released = true;
      users--;
      if (users > 0) return;
      shared = undefined;
      asker.closeWhenIdle();
    },
  };
}
