/** Connections to the API, straight or by a proxy, none of which takes longer to open than `CONNECT_MS`. */
import { isIP } from "node:net";
import { createSecureContext, getCACertificates } from "node:tls";
import { Agent, buildConnector, type Dispatcher, interceptors, Pool, ProxyAgent } from "undici";
import type { Access, TlsMaterial } from "./access.ts";

/** As client-go's dialer has it, less what nobody wants to wait for in a network of one data centre. */
const CONNECT_MS = 10_000;
const KEEP_ALIVE_MS = 15_000;
/** As many as Go follows. Another server than the API's is not shown its token. */
const MAX_REDIRECTIONS = 10;

export function openAgent(
  { server, proxy }: Pick<Access, "server" | "proxy">,
  { ca, cert, key, servername, rejectUnauthorized }: TlsMaterial,
  timeout: number = CONNECT_MS,
): Dispatcher {
  const trusted = ca ?? (server.protocol === "https:" && rejectUnauthorized !== false ? authorities() : undefined);
  const connect = {
    ...{ timeout, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS },
    // Made once, since a hundred authorities take 40 ms of each connection.
    secureContext: createSecureContext({ ca: trusted, cert, key }),
    ...(servername !== undefined && { servername }),
    ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
  };
  const options = { allowH2: false, pipelining: 1 };
  const agent =
    proxy === undefined
      ? new Agent({ ...options, connect })
      : new ProxyAgent({
          ...options,
          uri: proxy,
          requestTls: connect,
          connectTimeout: timeout,
          clientFactory: (origin) => openProxy(origin, ca, timeout),
        });
  return agent.compose(interceptors.redirect({ maxRedirections: MAX_REDIRECTIONS }));
}

/** Its connections carry nothing but CONNECT, which a proxy may leave without an answer. */
function openProxy(origin: URL, ca: TlsMaterial["ca"], timeout: number): Pool {
  const isSecure = origin.protocol === "https:";
  const trusted = isSecure ? [...(authorities() ?? []), ...(ca === undefined ? [] : [ca])] : [];
  const secureContext = createSecureContext({ ca: trusted.length === 0 ? undefined : trusted });
  const connector = buildConnector({ timeout, allowH2: false, ...(isSecure && { secureContext }) });
  return new Pool(origin, {
    headersTimeout: timeout,
    // undici calls an address a server's name too, which TLS does not allow.
    connect: ({ servername = "", ...to }, done) => connector(isIP(servername) ? to : { servername, ...to }, done),
  });
}

/** Where none is named those of the machine count, as in Go, which also has them from SSL_CERT_FILE; without any, Node's own. */
function authorities(): string[] | undefined {
  const found = [...new Set([...getCACertificates("system"), ...getCACertificates("extra")])];
  return found.length === 0 ? undefined : found;
}
