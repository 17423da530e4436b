/** What a server says about itself over HTTP. */
import { Agent, get } from "node:http";

const limitMs = 5_000;
const agent = new Agent({ keepAlive: true });

export const scrape = (port: number) => ask(port, "/metrics");

/** `text` is undefined when the answer was not 200. */
export function ask(port: number, path: string): Promise<{ text: string | undefined; ms: number; problem: string }> {
  const began = performance.now();
  return new Promise((resolve) => {
    const failed = (problem: string) => resolve({ text: undefined, ms: performance.now() - began, problem });
    const request = get({ host: "127.0.0.1", port, path, agent, timeout: limitMs }, (response) => {
      const parts: string[] = [];
      response.setEncoding("utf8").on("data", (part: string) => parts.push(part));
      response.on("error", (error) => failed(error.message));
      response.on("end", () => {
        if (response.statusCode !== 200) failed(`status ${response.statusCode}`);
        else resolve({ text: parts.join(""), ms: performance.now() - began, problem: "" });
      });
    });
    request.on("timeout", () => request.destroy(new Error("no answer in time")));
    request.on("error", (error) => failed(error.message));
  });
}

/** What WeftDNS says that it has dropped, at all places and for all reasons. */
export async function dropsOf(metricsPort: number): Promise<number> {
  const { text, problem } = await scrape(metricsPort);
  if (text === undefined) throw new Error(`GET /metrics: ${problem}`);
  const drops = text.matchAll(/^weftdns_drops_total\{.*\} (\S+)$/gm);
  return [...drops].reduce((sum, [, count]) => sum + Number(count), 0);
}
