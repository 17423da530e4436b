/** Complete lists: streamed as the first events of a watch where the API offers that, else page by page. */
import { fieldsOf } from "../fields.ts";
import type { ApiClient, Parameters, RequestOptions } from "./client.ts";
import { BadStream, LineSplitter, ListSplitter } from "./documents.ts";
import { isInitialEnd, resourceVersionOf } from "./objects.ts";
import { ApiError, errorOfEvent } from "./status.ts";

/** As many objects a page as client-go asks for. */
const PAGE_SIZE = 500;
/** No list has more pages than this: a server that goes on for ever is not believed. */
const MAX_PAGES = 20_000;

export interface ListRequest extends RequestOptions {
  readonly client: ApiClient;
  readonly path: string;
  readonly selectors: Parameters;
  /** Each object as it came. */
  readonly receive: (object: unknown) => void;
}

export interface StreamRequest extends ListRequest {
  /** An object that came, and is gone before the list was complete. */
  readonly retract: (object: unknown) => void;
}

/**
 * A watch that begins with all that is there: the API server sends it from memory, object by object, without holding the list.
 * Gives the version from which on a watch continues.
 */
export async function streamList(request: StreamRequest): Promise<string> {
  const complete = new AbortController();
  let version = "";
  const events = new LineSplitter((event) => {
    const { type, object } = fieldsOf(event);
    // Between the bookmark and the end of the connection more may come; the watch that follows brings it again.
    if (version !== "") return;
    if (type === "ERROR") throw errorOfEvent(object);
    if (type === "BOOKMARK") {
      if (!isInitialEnd(object)) return;
      version = resourceVersionOf(object);
      complete.abort();
    } else if (type === "DELETED") request.retract(object);
    else request.receive(object);
  });
  const parameters = {
    ...request.selectors,
    watch: true,
    sendInitialEvents: true,
    resourceVersionMatch: "NotOlderThan",
    allowWatchBookmarks: true,
  };
  try {
    const signal = AbortSignal.any([request.signal, complete.signal]);
    await request.client.read(request.path, parameters, events, { ...request, signal });
  } catch (error) {
    if (!complete.signal.aborted) throw error;
  }
  if (version === "") throw new BadStream("the list ended before it was complete");
  return version;
}

/** Whether this says that the API offers no streamed lists. */
export function refusesStreaming(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 400 || error.code === 422 || error.reason === "Invalid");
}

export interface PagedRequest extends ListRequest {
  /** Called before each beginning: a list whose token has expired on the way is begun anew, then without pages. */
  readonly begin: () => void;
  /** Waits before a page is asked for again; rejects when that is no use. */
  readonly retry: (error: unknown) => Promise<void>;
}

/** Gives the list's version, the same for all its pages. Without a version in the question the API answers consistently. */
export async function pageList(request: PagedRequest): Promise<string> {
  request.begin();
  try {
    return await readPages(request, PAGE_SIZE);
  } catch (error) {
    if (!(error instanceof ApiError && error.isExpired)) throw error;
  }
  request.begin();
  return await readPages(request, undefined);
}

async function readPages(request: PagedRequest, limit: number | undefined): Promise<string> {
  let next: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const { metadata } = await readPage(request, { ...request.selectors, limit, continue: next });
    const { continue: token, resourceVersion } = fieldsOf(metadata);
    if (typeof resourceVersion !== "string" || resourceVersion === "") throw new BadStream("a list without version");
    if (typeof token !== "string" || token === "") return resourceVersion;
    next = token;
  }
  throw new BadStream(`a list of more than ${MAX_PAGES} pages`);
}

/** One page, asked for again while `retry` allows it: what came twice is the same. */
async function readPage(request: PagedRequest, parameters: Parameters): Promise<Record<string, unknown>> {
  for (;;) {
    const objects = new ListSplitter(request.receive);
    try {
      await request.client.read(request.path, parameters, objects, request);
      return fieldsOf(objects.envelope());
    } catch (error) {
      await request.retry(error);
    }
  }
}

/**
 * Whether it is the API that answers, which says what groups of resources it has: in its place a load balancer without servers,
 * or the API under another path, answers 404 as well.
 */
export async function isApi(client: ApiClient, signal: AbortSignal, timeoutMs: number): Promise<boolean> {
  const groups = new ListSplitter(() => {});
  try {
    await client.read("/apis", {}, groups, { signal, beginMs: timeoutMs, idleMs: timeoutMs });
    return fieldsOf(groups.envelope()).kind === "APIGroupList";
  } catch {
    return false;
  }
}
