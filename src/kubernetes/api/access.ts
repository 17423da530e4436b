/** Where the API is, and how one proves to it who one is. */

export interface Access {
  /** `https://host:port`, perhaps with a path before `/api`. */
  readonly server: URL;
  /** The proxy that leads there, as a URL; undefined: none does. */
  readonly proxy: string | undefined;
  /** Of the kubeconfig that says so: who else leads there may be somebody else. */
  readonly context: string | undefined;
  /**
   * What to show and what to check, as it is now: files are read again when they have changed. The same `tls` object as
   * before as long as nothing in it has changed. Rejects when a file that is named cannot be read and never could, and when
   * a program that should give them fails.
   */
  credentials(): Promise<Credentials>;
  /** After a failure everything is read again, whatever its age. After a 401 (`refused`) what a program gave is no good either. */
  refresh(refused?: boolean): void;
}

export type Headers = Readonly<Record<string, string | string[]>>;

export interface Credentials {
  /** `authorization`, when there is something to show, and whom to be taken for. */
  readonly headers: Headers;
  readonly tls: TlsMaterial;
}

export interface TlsMaterial {
  readonly ca?: Buffer | string;
  readonly cert?: Buffer | string;
  readonly key?: Buffer | string;
  /** The name that the server's certificate must have, when it is another than in `server`. */
  readonly servername?: string;
  /** False only where a kubeconfig says `insecure-skip-tls-verify`. */
  readonly rejectUnauthorized?: boolean;
}
