/** Where the API is, and how one proves to it who one is. */

export interface Access {
  /** `https://host:port`, perhaps with a path before `/api`. */
  readonly server: URL;
  /** The proxy that leads there, as a URL; undefined: none does. */
  readonly proxy: string | undefined;
  /**
   * What to show and what to check, as it is now: files are read again when they have changed. The same `tls` object as
   * before as long as nothing in it has changed. Rejects when a file that is named cannot be read and never could.
   */
  credentials(): Promise<Credentials>;
  /** Forgets what was read: after a 401 or a failed handshake everything is read again, whatever its age. */
  refresh(): void;
}

export interface Credentials {
  /** `authorization`, when there is something to show, and whom to be taken for. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
}

export interface TlsMaterial {
  readonly ca?: Buffer | string;
  readonly cert?: Buffer | string;
  readonly key?: Buffer | string;
  readonly passphrase?: string;
  /** The name that the server's certificate must have, when it is another than in `server`. */
  readonly servername?: string;
  /** False only where a kubeconfig says `insecure-skip-tls-verify`. */
  readonly rejectUnauthorized?: boolean;
}
