/** Requests to the HTTP side of a server in a test. */
import { type IncomingMessage, request } from "node:http";

export interface HttpReply {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: Buffer;
  readonly text: string;
}

/** Asks 127.0.0.1 on a connection of its own; undefined when there is no answer. */
export function get(port: number, path: string, timeoutMs = 2_000, method = "GET"): Promise<HttpReply | undefined> {
  return new Promise((resolve) => {
    const asked = request({ host: "127.0.0.1", port, path, method, agent: false }, async (response) => {
      try {
        const body = await bodyOf(response);
        const type = response.headers["content-type"];
        resolve({ status: response.statusCode ?? 0, type, body, text: body.toString("utf8") });
      } catch {
        resolve(undefined);
      }
    });
    asked.setTimeout(timeoutMs, () => asked.destroy());
    asked.on("error", () => resolve(undefined));
    asked.end();
  });
}

async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
