/** The control half of pprof: answers its requests. What makes profiles is loaded with the first one that is asked for. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Control, ControlContext } from "../../plugin/context.ts";
import { respond } from "../../plugin/respond.ts";
import type { PprofConfig } from "./index.ts";

const BASE = "/debug/pprof/";
const PROFILES = {
  profile: { seconds: 30, about: "CPU time of all threads during the next seconds; `seconds` says how many." },
  heap: { seconds: 5, about: "What all threads allocate during the next seconds and still hold." },
  allocs: { seconds: 5, about: "What all threads allocate during the next seconds." },
} as const;
type ProfileName = keyof typeof PROFILES;

const TEXTS = {
  cmdline: "The command line.",
  goroutine: "The threads, and what the main thread waits for.",
} as const;
/** What CoreDNS has here and we have not. */
const ABSENT: Readonly<Record<string, string>> = {
  block: "threads of this server never wait for one another",
  mutex: "threads of this server share no locks",
  threadcreate: "see goroutine for the threads",
  trace: "there is no execution tracer",
  symbol: "profiles have their symbols in them",
};
/** Longer than anybody looks on; samples are kept in memory until the end. */
const MAX_SECONDS = 300;
const NO_SNIFFING = { "X-Content-Type-Options": "nosniff" };
/** One profile at a time, whoever asks: they disturb what they measure. */
let busy = false;

export async function control({ address }: PprofConfig, context: ControlContext): Promise<Control> {
  const end = new AbortController();
  const http = (path: string, handle: (request: IncomingMessage, response: ServerResponse) => void) => {
    context.http(address, path, handle);
  };
  http(BASE, (_request, response) => sendIndex(response));
  http(BASE.slice(0, -1), (_request, response) => respond(response, 301, { Location: BASE }));
  for (const name of Object.keys(PROFILES) as ProfileName[]) {
    http(BASE + name, (request, response) => void sendProfile(name, request, response, context, end.signal));
  }
  http(`${BASE}cmdline`, (_request, response) => sendText(response, 200, process.argv.join("\0")));
  http(`${BASE}goroutine`, async (_request, response) => {
    const { threadsText } = await import("./threads.ts");
    sendText(response, 200, await threadsText(context.instance.workers()));
  });
  for (const [name, reason] of Object.entries(ABSENT)) {
    http(BASE + name, (_request, response) => sendText(response, 501, `${name}: ${reason}\n`));
  }
  return { stop: () => end.abort() };
}

async function sendProfile(
  name: ProfileName,
  request: IncomingMessage,
  response: ServerResponse,
  { instance, log }: ControlContext,
  end: AbortSignal,
): Promise<void> {
  if (busy) {
    sendText(response, 500, `Could not enable ${name} profiling: profiling already in use\n`);
    return;
  }
  busy = true;
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  try {
    const { takeProfile } = await import("./take-profile.ts");
    const seconds = secondsOf(request, PROFILES[name].seconds);
    const body = await takeProfile(name, seconds, instance.workers(), AbortSignal.any([gone.signal, end]));
    const disposition = `attachment; filename="${name}"`;
    const headers = { "Content-Type": "application/octet-stream", "Content-Disposition": disposition, ...NO_SNIFFING };
    respond(response, 200, headers, body);
  } catch (error) {
    log.error(`${name}: ${error}`);
    sendText(response, 500, `${name}: ${error}\n`);
  } finally {
    busy = false;
  }
}

function secondsOf(request: IncomingMessage, otherwise: number): number {
  const value = new URLSearchParams(request.url?.split("?")[1]).get("seconds") ?? "";
  return /^[0-9]+$/.test(value) && Number(value) > 0 ? Math.min(Number(value), MAX_SECONDS) : otherwise;
}

function sendText(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent) return;
  respond(response, status, { "Content-Type": "text/plain; charset=utf-8", ...NO_SNIFFING }, text);
}

function sendIndex(response: ServerResponse): void {
  const lists = [...Object.entries(PROFILES).map(([name, { about }]) => [name, about]), ...Object.entries(TEXTS)];
  const rows = lists.map(([name, about]) => `<tr><td><a href="${name}">${name}</a></td><td>${about}</td></tr>`);
  const text = `<html>
<head><title>${BASE}</title></head>
<body>
${BASE}
<p>Types of profiles available:</p>
<table>
${rows.join("\n")}
</table>
</body>
</html>
`;
  respond(response, 200, { "Content-Type": "text/html; charset=utf-8", ...NO_SNIFFING }, text);
}
