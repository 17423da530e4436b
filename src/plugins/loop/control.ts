/** The control half of loop: sends the probe, and says what became of it. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { splitAddress } from "../../corefile/host-port.ts";
import { nameToWire } from "../../dns/name-text.ts";
import { Type } from "../../dns/types.ts";
import type { Control, ControlContext, Gauge } from "../../plugin/context.ts";
import { askOnce, questionMessage } from "../../upstream/ask-once.ts";
import type { Returned } from "./serve.ts";
import { Sightings } from "./sightings.ts";

/** A probe that gets no reply in this time is sent again, with another name, until the time for all of them is over. */
const RETRY_MS = 1_000;
/** The server's sockets are opened when all control halves have started: the first probes have nobody to receive them. */
const FIRST_RETRY_MS = 100;
const GIVE_UP_MS = 30_000;
/** Replies to probes that this block never saw: another plugin, or the plan before, has answered. Not worth many more. */
const MAX_UNSEEN = 4;
/** How long behind its reply a probe may still come in. */
const LATE_MS = 2_000;
/** How often a loop that was found once is looked for. */
const AGAIN_MS = 30_000;

export async function control(_config: undefined, context: ControlContext): Promise<Control> {
  const watch = new LoopWatch(context, AGAIN_MS);
  watch.start();
  return watch;
}

/** What a reload finds: the loop that is known, so that it stays cut meanwhile. */
interface Inheritance {
  readonly buffer: SharedArrayBuffer;
  readonly everFound: boolean;
}

export class LoopWatch implements Control {
  readonly #context: ControlContext;
  readonly #againMs: number;
  readonly #sightings: Sightings;
  readonly #zone: string;
  readonly #local: string;
  readonly #end = new AbortController();
  readonly #gauge: Gauge;
  #probe = "";
  #everFound: boolean;

  constructor(context: ControlContext, againMs: number) {
    this.#context = context;
    this.#againMs = againMs;
    const before = context.inherited as Inheritance | undefined;
    this.#sightings = new Sightings(before?.buffer);
    this.#everFound = before?.everFound ?? false;
    const [key] = context.keys;
    this.#zone = key?.zones[0] ?? ".";
    const servers = context.servers.map((server) => server.replace("dns://", ""));
    this.#local = servers.find((server) => splitAddress(server)?.port === key?.port) ?? servers[0] ?? "";
    this.#gauge = context.gauge("weftdns_loop_detected", "Whether queries that are passed on come back.", {
      zone: this.#zone,
    });
    if (this.#everFound) this.#gauge.set(this.#sightings.looping ? 1 : 0);
    context.publish(this.#sightings.buffer);
    context.onTold((returned) => this.#cameBack(returned as Returned));
  }

  start(): void {
    void this.#run().catch((error: unknown) => {
      if (!this.#end.signal.aborted) this.#context.log.error(`Looking for loops has ended: ${error}`);
    });
  }

  inherit(): Inheritance {
    return { buffer: this.#sightings.buffer, everFound: this.#everFound };
  }

  stop(): void {
    this.#end.abort();
    this.#gauge.set(undefined);
  }

  async #run(): Promise<void> {
    await this.#lookFirst();
    // Without a loop the start is the only time, as in CoreDNS: probes show in other servers' logs.
    while (this.#everFound) {
      await this.#wait(this.#againMs);
      await this.#lookAgain();
    }
  }

  async #lookFirst(): Promise<void> {
    const until = performance.now() + GIVE_UP_MS;
    let unseen = 0;
    for (let retryMs = FIRST_RETRY_MS; performance.now() < until && unseen < MAX_UNSEEN; ) {
      const hasReply = await this.#send(retryMs);
      if (hasReply && this.#sightings.seen > 0) {
        await this.#wait(LATE_MS);
        this.#sightings.expectNone();
        return;
      }
      if (hasReply) unseen++;
      await this.#wait(retryMs);
      retryMs = Math.min(2 * retryMs, RETRY_MS);
    }
    this.#sightings.expectNone();
  }

  /** A loop was there. One probe tells: it is sent once, so seen twice it has come back. */
  async #lookAgain(): Promise<void> {
    const hasReply = await this.#send(RETRY_MS);
    if (this.#sightings.looping && hasReply && this.#sightings.seen === 1) {
      this.#sightings.looping = false;
      this.#context.log.info(`The loop for zone "${this.#zone}" is gone`);
    }
    this.#sightings.expectNone();
    this.#gauge.set(this.#sightings.looping ? 1 : 0);
  }

  #cameBack({ remote }: Returned): void {
    this.#everFound = true;
    if (this.#sightings.looping) return;
    this.#sightings.looping = true;
    this.#gauge.set(1);
    this.#context.log.error(
      `Loop (${remote} -> ${this.#local}) detected for zone "${this.#zone}", ` +
        `see https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO ${this.#probe}". ` +
        "Queries that come back get SERVFAIL until it is gone",
    );
  }

  /** Asks this server for a new name. Whether there was a reply within the time. */
  async #send(waitMs: number): Promise<boolean> {
    const place = splitAddress(this.#local);
    this.#probe = `${randomDigits()}.${randomDigits()}.${this.#zone === "." ? "" : this.#zone}`;
    const name = nameToWire(this.#probe);
    // A zone may leave no room for two more labels, and a block without listeners has nobody to ask.
    if (typeof name === "string" || !place) return false;
    this.#sightings.expect(name);
    const host = place.host === "" ? "127.0.0.1" : place.host;
    const message = questionMessage(name, Type.HINFO, true);
    return askOnce(message, host, place.port, { timeoutMs: waitMs, signal: this.#end.signal });
  }

  #wait(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#end.signal, ref: false });
  }
}

/** As long as CoreDNS's. Nobody can guess it, or a stranger could make us see loops. */
function randomDigits(): string {
  return (randomBytes(8).readBigUInt64BE() >> 1n).toString();
}
