/** A file of its own, as a process reads the authorities of its machine once. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fromEndpoint } from "../../../src/kubernetes/api/credentials.ts";
import { Authority, hasOpenssl } from "../../support/certificates.ts";
import { start } from "./setup.ts";

test("an authority of SSL_CERT_FILE counts where none is named", { skip: !hasOpenssl && "no openssl" }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "weftdns-"));
  const authority = new Authority("one");
  t.after(() => {
    rmSync(folder, { recursive: true });
    authority.remove();
  });
  const file = join(folder, "ca.crt");
  writeFileSync(file, authority.cert);
  process.env.SSL_CERT_FILE = file;
  const { equal } = await start(t, { tls: authority.sign("api"), access: ({ url }) => fromEndpoint(url) });
  await equal();
});
