/** The proxy that the environment names, by Go's rules: https://pkg.go.dev/golang.org/x/net/http/httpproxy. */
import { BlockList, isIP } from "node:net";

/** Undefined: none leads to this server. */
export function environmentProxy(server: URL, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const name = server.protocol === "https:" ? "https_proxy" : "http_proxy";
  const proxy = env[name.toUpperCase()] || env[name];
  if (!proxy) return undefined;
  const host = server.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  const port = server.port || (server.protocol === "https:" ? "443" : "80");
  if (host === "localhost" || isWithin(host, "127.0.0.0/8") || host === "::1") return undefined;
  const exceptions = (env.NO_PROXY || env.no_proxy || "").split(",").map((entry) => entry.trim().toLowerCase());
  if (exceptions.some((entry) => entry !== "" && isExcepted(host, port, entry))) return undefined;
  return proxy.includes("://") ? proxy : `http://${proxy}`;
}

/** `*`, a network, an address, a name with all below it, or with a leading dot all below it alone; perhaps with a port. */
function isExcepted(host: string, port: string, entry: string): boolean {
  if (entry === "*") return true;
  if (entry.includes("/")) return isWithin(host, entry);
  const [, name = entry, only] = isIP(entry) ? [] : (/^(.*):(\d+)$/.exec(entry) ?? []);
  if (only !== undefined && only !== port) return false;
  const plain = name.replace(/^\[|\]$/g, "").replace(/^\*\./, ".");
  return host === plain || (!isIP(host) && host.endsWith(plain.startsWith(".") ? plain : `.${plain}`));
}

function isWithin(host: string, network: string): boolean {
  const [address = "", bits = ""] = network.split("/");
  const family = isIP(host);
  if (family === 0 || isIP(address) !== family || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128))
    return false;
  const type = family === 4 ? "ipv4" : "ipv6";
  const list = new BlockList();
  list.addSubnet(address, Number(bits), type);
  return list.check(host, type);
}
