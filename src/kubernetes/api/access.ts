/** Where the API is and how one proves to it who one is. */

export interface Access {
  /** `https://host:port`, perhaps with a path before `/api`. */
  readonly server: URL;
  /** How to check the server and what to show it, as it is now: read again whenever one of its files has changed. */
  tls(): TlsMaterial;
  /** The bearer token as it is now; undefined when there is none. */
  token(): string | undefined;
  /** Forgets what was read: after a 401 or a failed handshake, files are read whatever their dates say. */
  refresh(): void;
}

export interface TlsMaterial {
  readonly ca?: Buffer | string;
  readonly cert?: Buffer | string;
  readonly key?: Buffer | string;
  /** The name the server's certificate must have, when it is another than in `server`. */
  readonly servername?: string;
  /** Only a kubeconfig that says `insecure-skip-tls-verify` sets this to false. */
  readonly rejectUnauthorized?: boolean;
}
