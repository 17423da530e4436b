/** How a Corefile says the TTL of a cluster's records: the option that all plugins have that answer from it. */
import type { Option } from "../corefile/directive.ts";

const MAX_TTL = 3_600;

export function readTtl(line: Option): number {
  const token = line.token("seconds");
  // CoreDNS takes any words behind it.
  line.rest();
  if (!/^[-+]?[0-9]+$/.test(token.text))
    return line.fail(`strconv.Atoi: parsing "${token.text}": invalid syntax`, token, { form: "plain" });
  const ttl = Number(token.text);
  if (ttl < 0 || ttl > MAX_TTL) line.fail(`ttl must be in range [0, ${MAX_TTL}]: ${ttl}`, token);
  return ttl;
}
