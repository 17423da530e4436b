/**
 * Whoever started this process, where that one keeps sockets for it and starts it again when it dies: src/parent/parent.c
 * in the image, or systemd. Says to NOTIFY_SOCKET how the server is and hands it the UDP sockets (sd_notify(3), "FDSTORE");
 * finds those of the process before this one by LISTEN_FDS and LISTEN_FDNAMES (sd_listen_fds(3)). Without such a parent
 * everything here does nothing.
 */
import { getSystemErrorName } from "node:util";
import { native } from "../native/index.ts";
import { Logger } from "../plugin/logger.ts";
import { closeFd } from "../transport/udp.ts";

/** The first descriptor that is handed on. */
const LISTEN_FDS_START = 3;
const PREFIX = "weftdns-";

type Environment = Readonly<Record<string, string | undefined>>;

export class Parent {
  readonly #address: string;
  /** Sockets of the process before this one that nobody has asked for yet, by name. */
  readonly #found: Map<string, number>;
  /** How often the server was started again, and what the one before died of. */
  readonly restarts: number;
  readonly diedOf: string | undefined;

  constructor(environment: Environment = process.env) {
    this.#address = environment.NOTIFY_SOCKET ?? "";
    this.#found = socketsIn(environment);
    this.restarts = Number(environment.WEFTDNS_RESTARTS ?? 0);
    this.diedOf = environment.WEFTDNS_DIED_OF || undefined;
  }

  ready(): void {
    this.#say("READY=1");
  }

  stopping(): void {
    this.#say("STOPPING=1");
  }

  /** The sockets `id` of the process before this one, the caller's from now on. If it had not just as many they are closed. */
  take(id: string, count: number): number[] | undefined {
    const names = [...this.#found.keys()].filter((name) => idOf(name) === id);
    const fds = namesOf(id, count).map((name) => this.#found.get(name));
    if (names.length === count && !fds.includes(undefined)) {
      for (const name of names) this.#found.delete(name);
      return fds as number[];
    }
    this.#close(names);
    return undefined;
  }

  /** Closes what nobody took: what comes to a socket that is not read is lost. */
  closeRest(): void {
    this.#close([...this.#found.keys()]);
  }

  #close(names: readonly string[]): void {
    for (const name of names) {
      this.#forget(name);
      closeFd(this.#found.get(name)!);
      this.#found.delete(name);
    }
  }

  keep(id: string, fds: readonly number[]): void {
    for (const [index, fd] of fds.entries()) {
      // Not polled: an error on a UDP socket is somebody else's.
      this.#say(`FDSTORE=1\nFDNAME=${nameOf(id, index)}\nFDPOLL=0`, fd);
    }
  }

  /** Before the sockets are closed here: one that only the parent has open would go on taking its share of the queries. */
  forget(id: string, count: number): void {
    for (const name of namesOf(id, count)) this.#forget(name);
  }

  #forget(name: string): void {
    this.#say(`FDSTOREREMOVE=1\nFDNAME=${name}`);
  }

  #say(notice: string, fd = -1): void {
    if (this.#address === "" || !native) return;
    const result = native.sendNotice(this.#address, notice, fd);
    if (result < 0 && this.#listens) {
      new Logger().warning(
        `NOTIFY_SOCKET ${this.#address} does not take ${notice.split("\n")[0]}: ${getSystemErrorName(result)}`,
      );
    }
    this.#listens = result >= 0;
  }
  /** Said once for all that a parent does not take, as there may be a notice for each socket. */
  #listens = true;
}

function socketsIn({ LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES }: Environment): Map<string, number> {
  const found = new Map<string, number>();
  if (Number(LISTEN_PID) !== process.pid) return found;
  const names = (LISTEN_FDNAMES ?? "").split(":");
  for (let i = 0; i < Number(LISTEN_FDS); i++) {
    const name = names[i] ?? "";
    // A unit may hand over others, which are no concern of ours.
    if (name.startsWith(PREFIX)) found.set(name, LISTEN_FDS_START + i);
  }
  return found;
}

function namesOf(id: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => nameOf(id, index));
}

/** Names are in a list that is parted by colons. */
function nameOf(id: string, index: number): string {
  return `${PREFIX}${index}-${encodeURIComponent(id)}`;
}

function idOf(name: string): string {
  return decodeURIComponent(name.slice(name.indexOf("-", PREFIX.length) + 1));
}
