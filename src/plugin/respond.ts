import type { OutgoingHttpHeaders, ServerResponse } from "node:http";

/** Answers a request over HTTP. The body's length stands in a header, as in Go's answers; Node alone would send it in chunks. */
export function respond(
  response: ServerResponse,
  status: number,
  headers: OutgoingHttpHeaders,
  body: string | Uint8Array = "",
): void {
  response.writeHead(status, { ...headers, "Content-Length": Buffer.byteLength(body) }).end(body);
}
