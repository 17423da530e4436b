/**
 * The web configuration file of the Prometheus exporters, as far as it concerns TLS and headers: read for the first time
 * before anything is served, and again when it or a file that it names has changed. What we do not do is refused, since
 * it would be there to protect something.
 */
import { readFileSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { createSecureContext, type SecureVersion, type TLSSocket, type TlsOptions } from "node:tls";
import { FAILSAFE_SCHEMA, loadAll, YAMLException } from "js-yaml";
import { systemMessage } from "../../corefile/system-message.ts";
import { type FileStamps, haveChanged, stampAt } from "../../zone/file-stamp.ts";

type YamlMap = Readonly<Record<string, unknown>>;

interface Settings {
  /** Undefined: plain HTTP. */
  readonly tls: TlsOptions | undefined;
  readonly clientAuth: ClientAuth;
  readonly headers: Readonly<Record<string, string>>;
  /** Of each file that it was made of. */
  readonly files: FileStamps;
}

const CLIENT_AUTH = {
  NoClientCert: { requestCert: false },
  RequestClientCert: { requestCert: true, rejectUnauthorized: false },
  RequireClientCert: { requestCert: true, rejectUnauthorized: false },
  RequireAnyClientCert: { requestCert: true, rejectUnauthorized: false },
  VerifyClientCertIfGiven: { requestCert: true, rejectUnauthorized: false },
  RequireAndVerifyClientCert: { requestCert: true, rejectUnauthorized: true },
} as const;
type ClientAuth = keyof typeof CLIENT_AUTH;

const VERSIONS = new Map<string, SecureVersion>([
  ["TLS10", "TLSv1"],
  ["TLS11", "TLSv1.1"],
  ["TLS12", "TLSv1.2"],
  ["TLS13", "TLSv1.3"],
]);

const HEADERS = new Set([
  "Content-Security-Policy",
  "Strict-Transport-Security",
  "X-Content-Type-Options",
  "X-Frame-Options",
  "X-XSS-Protection",
]);

const FIELDS = {
  "web.Config": ["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"],
  "web.TLSConfig": [
    "cert_file",
    "key_file",
    "client_auth_type",
    "client_ca_file",
    "min_version",
    "max_version",
    "prefer_server_cipher_suites",
    "cert",
    "key",
    "client_ca",
    "cipher_suites",
    "curve_preferences",
    "client_allowed_sans",
  ],
  "web.HTTPConfig": ["http2", "headers"],
} as const;
/** The others of the reference would be understood in part only. */
const REFUSED = ["basic_auth_users", "rate_limit", "cipher_suites", "curve_preferences", "client_allowed_sans"];

export class WebConfig {
  readonly #path: string;
  #settings: Settings;

  /** Throws when the file, or one that it names, is no good. */
  constructor(path: string) {
    this.#path = path;
    this.#settings = this.#read();
  }

  /** For a server of its own; the same object while no file has changed. Undefined: it is to be plain HTTP. */
  options(): TlsOptions | undefined {
    if (haveChanged(this.#settings.files)) this.#settings = this.#read();
    return this.#settings.tls;
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#settings.headers;
  }

  /** The demands on clients that the handshake does not make. */
  accepts(socket: TLSSocket): boolean {
    const { clientAuth } = this.#settings;
    if (
      clientAuth !== "RequireAnyClientCert" &&
      clientAuth !== "RequireClientCert" &&
      clientAuth !== "VerifyClientCertIfGiven"
    )
      return true;
    const isGiven = Object.keys(socket.getPeerCertificate()).length > 0;
    return clientAuth === "VerifyClientCertIfGiven" ? !isGiven || socket.authorized : isGiven;
  }

  #read(): Settings {
    const files = new Map<string, string>();
    const read = (path: string): string => {
      files.set(path, stampAt(path));
      try {
        return readFileSync(path, "utf8");
      } catch (error) {
        throw new Error(`open ${path}: ${systemMessage(error)}`);
      }
    };
    const config = mapOf(parseYaml(read(this.#path)), "web.Config");
    const tls = mapOf(config.tls_server_config, "web.TLSConfig");
    const http = mapOf(config.http_server_config, "web.HTTPConfig");
    const headers = readHeaders(http.headers);
    const clientAuth = textOf(tls, "client_auth_type") || "NoClientCert";
    if (Object.keys(tls).length === 0) return { tls: undefined, clientAuth: "NoClientCert", headers, files };

    const relative = (path: string): string => (isAbsolute(path) ? path : join(dirname(this.#path), path));
    /** The file that is named counts, else what stands in this one. */
    const material = (name: "cert" | "key" | "client_ca"): string | undefined => {
      const path = textOf(tls, `${name}_file`);
      if (path === "") return textOf(tls, name) || undefined;
      try {
        return read(relative(path));
      } catch (error) {
        const { message } = error as Error;
        throw name === "client_ca" ? error : new Error(`failed to read ${name}_file (${relative(path)}): ${message}`);
      }
    };
    for (const name of ["cert", "key"] as const) {
      if (textOf(tls, name) === "" && textOf(tls, `${name}_file`) === "")
        throw new Error(`missing one of ${name} or ${name}_file`);
    }
    const cert = material("cert");
    const key = material("key");
    const minVersion = versionOf(tls, "min_version", "TLSv1.2");
    const maxVersion = versionOf(tls, "max_version", "TLSv1.3");
    try {
      createSecureContext({ cert, key });
    } catch {
      throw new Error("failed to load X509KeyPair: tls: private key does not match public key");
    }
    const ca = material("client_ca");
    if (!Object.hasOwn(CLIENT_AUTH, clientAuth)) throw new Error(`invalid ClientAuth: ${clientAuth}`);
    if (ca !== undefined && clientAuth === "NoClientCert")
      throw new Error("client CA's have been configured without a Client Auth Policy");
    const demands = CLIENT_AUTH[clientAuth as ClientAuth];
    const options = { cert, key, minVersion, maxVersion, ...(ca === undefined ? {} : { ca }), ...demands };
    return { tls: options, clientAuth: clientAuth as ClientAuth, headers, files };
  }
}

/** Nothing but texts, lists and mappings: what is meant by a text its field knows. Of several documents the first. */
function parseYaml(text: string): unknown {
  try {
    return loadAll(text, { schema: FAILSAFE_SCHEMA })[0];
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const line = error.mark === undefined ? "" : `line ${error.mark.line + 1}: `;
    throw new Error(`yaml: ${line}${error.reason}`);
  }
}

function mapOf(value: unknown, type: keyof typeof FIELDS): YamlMap {
  if (value === undefined || value === null || value === "") return {};
  if (typeof value !== "object" || Array.isArray(value))
    throw new Error(`yaml: unmarshal errors:\n  cannot unmarshal into ${type}`);
  for (const name of Object.keys(value)) {
    if (!(FIELDS[type] as readonly string[]).includes(name))
      throw new Error(`yaml: unmarshal errors:\n  field ${name} not found in type ${type}`);
    if (REFUSED.includes(name)) throw new Error(`${name} is not supported by WeftDNS`);
  }
  return value as YamlMap;
}

function textOf(map: YamlMap, name: string): string {
  const value = map[name] ?? "";
  if (typeof value !== "string") throw new Error(`yaml: unmarshal errors:\n  ${name} is not a string`);
  return value;
}

function versionOf(map: YamlMap, name: string, otherwise: SecureVersion): SecureVersion {
  const text = textOf(map, name);
  if (text === "") return otherwise;
  return VERSIONS.get(text) ?? fail(`unknown TLS version: ${text}`);
}

function readHeaders(value: unknown): Record<string, string> {
  const headers: Record<string, string> = {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) return headers;
  for (const name of Object.keys(value)) {
    if (!HEADERS.has(name)) throw new Error(`HTTP header ${JSON.stringify(name)} can not be configured`);
    headers[name] = textOf(value as YamlMap, name);
  }
  return headers;
}

function fail(message: string): never {
  throw new Error(message);
}
