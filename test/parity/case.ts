/**
 * The shape of a parity case: what a server is asked under a Corefile, and what must hold of its reply, as data.
 *
 * A file in `cases/` exports `servers`, a list of ParityServer. The runner starts each on our server and on CoreDNS, and
 * asks the cases in their order; a case must hold on both. Where ours differs on purpose the case names the row of
 * `docs/differences.md` that gives the reason, and says what ours replies instead:
 *
 *     export const servers: ParityServer[] = [
 *       {
 *         name: "whoami",
 *         corefile: `example.org:{PORT} {
 *           whoami
 *         }`,
 *         cases: [
 *           { ask: "www.example.org. A", reply: { flags: "qr aa rd", answer: [] } },
 *           { ask: "www.example.com. A", reply: { rcode: "REFUSED" } },
 *         ],
 *       },
 *     ];
 *
 * What a reply does not mention is not compared, except that its question must be the one that was asked.
 */
import type { Manifest } from "../support/api-objects.ts";
import type { Edns, Question } from "../support/wire.ts";

export interface ParityServer {
  /** Stands before the names of its cases; unique within all files. */
  readonly name: string;
  /**
   * The text of the Corefile. `{PORT}` is the server's port, `{PORT2}` another; both are free on 127.0.0.1 and ::1.
   * `{DIR}` is the directory of `files`, `{UP:name}` the address of an upstream as `127.0.0.1:PORT`.
   */
  readonly corefile: string;
  /** Files by their name in {DIR}. The same placeholders are put in. */
  readonly files?: Readonly<Record<string, string>>;
  /** What a Kubernetes API server has, which the Corefile names as `{API}`, a URL. */
  readonly objects?: readonly Manifest[];
  /** Servers that the Corefile may ask, scripted. Each listens for UDP and TCP on one port. */
  readonly upstreams?: Readonly<Record<string, Upstream>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** Command-line arguments beside `-conf`. */
  readonly arguments?: readonly string[];
  /** Lines that the start must print, each exactly once; placeholders are put in, `*` as in `log`. */
  readonly prints?: readonly string[];
  readonly cases: readonly ParityCase[];
}

/** The question's fields (name and type, flags, EDNS, transport, or raw bytes) are described in test/support/wire.ts. */
export interface ParityCase extends Question {
  /** 2 asks at {PORT2}. */
  readonly port?: 1 | 2;
  /** Told apart in reports; `ask` when absent. */
  readonly name?: string;
  /** Runs before the question, in this order. */
  readonly before?: readonly Action[];
  readonly reply: Expectation;
  /** Asks again until the reply holds, for so many milliseconds: where servers may take a moment (reload, failover). */
  readonly withinMs?: number;
  /** Asks so many times; every reply must hold. */
  readonly times?: number;
  /**
   * Lines that must be printed because of this question, each exactly once. `*` stands for any run of characters
   * without a blank. Only lines that come after the question count.
   */
  readonly log?: readonly string[];
  /** Lines, as above, none of which may be printed because of this question. */
  readonly notLog?: readonly string[];
  /**
   * What upstreams must have been asked because of this question, in any order and letters: `a udp www.example.org. A rd do`.
   * First the upstream's name and the transport, then the question as in `ask` (class only when it is not IN), then
   * the flags that were set in the order qr aa tc rd ra z ad cd, then `edns=SIZE` and `do` when the query had an OPT.
   * Words behind those given are not compared.
   */
  readonly asked?: readonly string[];
  /** What the server says over HTTP behind the reply. */
  readonly http?: readonly HttpCase[];
  /** The first column of the row in docs/differences.md that says why our server does not do the same. */
  readonly differs?: string;
  /** What our server replies instead, and what is logged and asked; only with `differs`. */
  readonly ours?: Partial<Pick<ParityCase, "reply" | "log" | "notLog" | "asked" | "http">>;
}

export interface HttpCase {
  /** Behind `http://127.0.0.1:`, placeholders put in: `{PORT2}/health`. */
  readonly get: string;
  /** 0: nobody listens. */
  readonly status: number;
  readonly type?: string;
  /** The whole body, or what it must match. */
  readonly body?: string | RegExp;
}

export interface Expectation {
  /** Nothing arrives within half a second. */
  readonly noReply?: true;
  /** `NOERROR`, `NXDOMAIN`, `BADVERS` ... */
  readonly rcode?: string;
  /** All the flags that are set, in any order: `qr aa rd`. */
  readonly flags?: string;
  /** The question that comes back when it is not byte for byte the one that was asked; `none` when there is none. */
  readonly question?: string;
  /**
   * The records of a section as in a zone file, in any order: `www.example.org. 300 IN A 192.0.2.1`. The empty list means
   * that there are none. `*` as the TTL is not compared; letter case is, blanks are not. OPT is not listed: see `opt`.
   */
  readonly answer?: readonly string[];
  readonly authority?: readonly string[];
  readonly additional?: readonly string[];
  /** How many records a section has, where their data does not matter. */
  readonly counts?: { readonly answer?: number; readonly authority?: number; readonly additional?: number };
  /** The records of `answer` are compared in their order. */
  readonly ordered?: boolean;
  /** The OPT record, or that there is none. Fields that are absent are not compared. */
  readonly opt?: ExpectedOpt | "none";
  /** The most bytes of the reply. */
  readonly maxSize?: number;
  /** The whole reply in hexadecimal digits without its id; blanks do not matter. */
  readonly raw?: string;
}

export interface ExpectedOpt {
  readonly size?: number;
  readonly do?: boolean;
  readonly version?: number;
  /** All options, each as `CODE HEX`, in any order. */
  readonly options?: readonly string[];
}

/** What an upstream does with the queries that it gets: the first rule that fits. Without one it says REFUSED. */
export interface Upstream {
  readonly rules: readonly UpstreamRule[];
  /** Its port is closed at the start; `{ start: "name" }` opens it. */
  readonly down?: boolean;
}

export interface UpstreamRule {
  /** The question as in `ask`, letter case aside; absent for any. A name that begins with `*.` fits all names below. */
  readonly when?: string;
  readonly over?: "udp" | "tcp";
  /** The rule is used up after so many queries. */
  readonly times?: number;
  /** What is sent, in this order. An empty list swallows the query. */
  readonly replies: readonly UpstreamReply[];
}

/** One message. Id, question (with its letter case) and RD are those of the query unless the fields say otherwise. */
export interface UpstreamReply {
  /** NOERROR when absent. */
  readonly rcode?: string;
  /** All the flags, `qr rd ra` when absent. */
  readonly flags?: string;
  readonly answer?: readonly string[];
  readonly authority?: readonly string[];
  readonly additional?: readonly string[];
  readonly edns?: Edns;
  readonly delayMs?: number;
  /** Another id than the query's. */
  readonly wrongId?: true;
  /** Another question than the query's, as in `ask`; `none` leaves it out. */
  readonly question?: string;
  /** Only so many of the message's first bytes are sent. */
  readonly cutTo?: number;
  /** Sent instead, in hexadecimal digits, behind the query's id. */
  readonly raw?: string;
  /** TCP: the connection is closed, and nothing is sent. */
  readonly close?: true;
}

export type Action =
  /** Writes a file in {DIR}, with placeholders put in; removes one. */
  | { readonly write: string; readonly text: string }
  | { readonly remove: string }
  /** Closes, or opens again, the port of an upstream. */
  | { readonly stop: string }
  | { readonly start: string }
  | { readonly signal: "SIGUSR1" | "SIGHUP" }
  /** Creates or replaces an object of the Kubernetes API server; removes one. */
  | { readonly apply: Manifest }
  | { readonly delete: Manifest }
  | { readonly waitMs: number };
