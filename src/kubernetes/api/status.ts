/** What the API says when it does not do as asked: an HTTP status with a `Status` object, alone or inside of a watch. */
import { fieldsOf, itemsOf, textOf } from "../fields.ts";

export class ApiError extends Error {
  /** The HTTP status, or the code inside of an ERROR event. */
  readonly code: number;
  /** As in `Expired`, `Invalid`, `TooManyRequests`; empty when the answer was no Status. */
  readonly reason: string;
  /** How long to stay away, as the server wishes. */
  readonly retryAfterMs: number;
  /** Our resourceVersion lies in the future of the server, which has been set back. */
  readonly tooLargeVersion: boolean;

  constructor(status: unknown, code: number, retryAfter?: string) {
    const { message, reason, details } = fieldsOf(status);
    super(typeof message === "string" && message !== "" ? message.slice(0, MAX_MESSAGE) : `HTTP status ${code}`);
    this.code = code;
    this.reason = textOf(reason);
    this.retryAfterMs = waitOf(retryAfter, fieldsOf(details).retryAfterSeconds);
    const causes = itemsOf(fieldsOf(details).causes);
    this.tooLargeVersion = causes.some((cause) => fieldsOf(cause).reason === "ResourceVersionTooLarge");
  }

  /** The history that was asked for is not there any more (or not yet): only a new list helps. */
  get isExpired(): boolean {
    return this.code === 410 || this.reason === "Expired" || this.reason === "Gone" || this.tooLargeVersion;
  }
}

/** The error inside of an ERROR event. */
export function errorOfEvent(object: unknown): ApiError {
  const { code } = fieldsOf(object);
  return new ApiError(object, typeof code === "number" ? code : 500);
}

/** For a line of a log. */
const MAX_MESSAGE = 300;
/** No server needs us to be silent for longer, whatever it says. */
const MAX_WAIT_SECONDS = 300;

/** RFC 9110 section 10.2.3, the form with seconds: the API server uses no dates. */
function waitOf(header: string | undefined, seconds: unknown): number {
  const wanted = header !== undefined && /^\d{1,9}$/.test(header) ? Number(header) : seconds;
  return typeof wanted === "number" && wanted > 0 ? Math.min(wanted, MAX_WAIT_SECONDS) * 1_000 : 0;
}
