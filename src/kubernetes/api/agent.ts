/** Connections to the API, straight or by a proxy, none of which takes longer to open than `CONNECT_MS`. */
import { Agent, type Dispatcher, Pool, ProxyAgent } from "undici";
import type { TlsMaterial } from "./access.ts";

/** As client-go's dialer has it, less what nobody wants to wait for in a network of one data centre. */
const CONNECT_MS = 10_000;
const KEEP_ALIVE_MS = 15_000;

export function openAgent(tls: TlsMaterial, proxy?: string, timeout: number = CONNECT_MS): Dispatcher {
  const connect = { ...tls, timeout, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
  const options = { allowH2: false, pipelining: 1 };
  if (proxy === undefined) return new Agent({ ...options, connect });
  return new ProxyAgent({
    ...options,
    uri: proxy,
    requestTls: connect,
    connectTimeout: timeout,
    // Its connections carry nothing but CONNECT, which a proxy may leave without an answer.
    clientFactory: (origin, inner) => new Pool(origin, { ...inner, headersTimeout: timeout }),
  });
}
