/** Certificates for tests, made by openssl: authorities, and what they sign. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const hasOpenssl: boolean = spawnSync("openssl", ["version"]).error === undefined;

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority of its own key, that signs for servers at 127.0.0.1 and for clients. */
export class Authority {
  readonly cert: string;
  readonly #directory: string;
  #count = 0;

  constructor(name: string) {
    this.#directory = mkdtempSync(join(tmpdir(), "weftdns-ca-"));
    this.#openssl(
      "req",
      "-x509",
      ...NEW_KEY,
      "-keyout",
      "ca.key",
      "-out",
      "ca.crt",
      "-days",
      "2",
      "-subj",
      `/CN=${name}`,
    );
    this.cert = readFileSync(join(this.#directory, "ca.crt"), "utf8");
  }

  sign(name: string): Certificate {
    const base = `leaf-${this.#count++}`;
    const file = (ending: string) => join(this.#directory, `${base}.${ending}`);
    writeFileSync(file("ext"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
    this.#openssl("req", ...NEW_KEY, "-keyout", `${base}.key`, "-out", `${base}.csr`, "-subj", `/CN=${name}`);
    const signer = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", `${base}.ext`];
    this.#openssl("x509", "-req", "-in", `${base}.csr`, "-out", `${base}.crt`, ...signer);
    return { cert: readFileSync(file("crt"), "utf8"), key: readFileSync(file("key"), "utf8") };
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true });
  }

  #openssl(...args: readonly string[]): void {
    execFileSync("openssl", args, { cwd: this.#directory, stdio: "ignore" });
  }
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
