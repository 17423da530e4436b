/** The serve half of loop: counts the probe, and while there is a loop ends the queries that come back. */
import { endpointText } from "../../corefile/host-port.ts";
import { Type } from "../../dns/types.ts";
import type { ServeContext } from "../../plugin/context.ts";
import { after, type Eventual, type Handler, SERVFAIL } from "../../plugin/outcome.ts";
import type { Query } from "../../plugin/query.ts";
import { formatAddress, readPort } from "../../transport/packets.ts";
import { Sightings } from "./sightings.ts";

/** Seen more often than this the probe has come back: a client may well send its packet twice. */
const MAX_SEEN = 2;

/** What the control half is told when a probe has come back. */
export interface Returned {
  /** As CoreDNS prints it: where the probe came from. */
  readonly remote: string;
}

export function serve(_config: undefined, context: ServeContext): Handler {
  const { next } = context;
  let sightings = new Sightings();
  /** Queries that wait in this chain while there is a loop, each with how many of it wait. */
  const waiting = new Map<string, number>();
  context.onPublished((buffer: SharedArrayBuffer) => {
    sightings = new Sightings(buffer);
  });

  return (query) => {
    if (sightings.looping) return guard(query);
    return query.type === Type.HINFO && sightings.isProbe(query) ? see(query) : next(query);
  };

  function see(query: Query): Eventual {
    const times = sightings.count(query);
    if (times === 1 || (times <= MAX_SEEN && !sightings.looping)) return next(query);
    context.tell({ remote: remoteOf(query) } satisfies Returned);
    return query.fail(SERVFAIL, "the probe has come back");
  }

  /** With a loop: as always, but a query that comes back from where the probe did while it waits here goes no further. */
  function guard(query: Query): Eventual {
    if (query.type === Type.HINFO && sightings.isProbe(query)) return see(query);
    const key = keyOf(query);
    const count = waiting.get(key) ?? 0;
    if (count > 0 && sightings.hasSource(query)) return query.fail(SERVFAIL, "a query has come back to this server");
    const outcome = next(query);
    if (typeof outcome === "number") return outcome;
    waiting.set(key, count + 1);
    const leave = (): void => {
      const left = waiting.get(key)! - 1;
      if (left > 0) waiting.set(key, left);
      else waiting.delete(key);
    };
    return after(
      outcome,
      query,
      (later) => {
        leave();
        return later;
      },
      (error) => {
        leave();
        throw error;
      },
    );
  }
}

function keyOf({ name, type }: Query): string {
  return `${type} ${Buffer.from(name.bytes.buffer, name.bytes.byteOffset, name.length).toString("latin1")}`;
}

function remoteOf({ peers, peerIndex }: Query): string {
  return endpointText(formatAddress(peers, peerIndex), readPort(peers, peerIndex));
}
