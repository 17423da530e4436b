/**
 * timeouts: how long a connection may take, and how many queries it may ask.
 *
 * The times hold for TCP and what runs over it: until the first query begins, and until each has arrived after its first
 * byte (`read`), until an answer is taken (`write`), and between two queries (`idle`). The first block of a listener that is
 * shared decides.
 *
 * Syntax    timeouts {
 *             read DUR            1s to 24h, a bare number counts seconds (3s)
 *             write DUR           the same (5s)
 *             idle DUR            the same (10s)
 *             maxtcpqueries N     queries on one connection before it is closed; -1 (the default): no limit
 *           }
 *           at least one of them
 * Metrics   none
 * Ready     at once
 * Example
 *   .:1053 {
 *     timeouts {
 *       read 10s
 *       idle 1m
 *     }
 *     whoami
 *   }
 */
import type { Option } from "../corefile/directive.ts";
import { parseDuration } from "../corefile/duration.ts";
import type { Token } from "../corefile/server-block.ts";
import type { BlockSettings } from "../plugin/block-settings.ts";
import { formatGoDuration } from "../plugin/go-duration.ts";
import { definePlugin } from "../plugin/plugin.ts";

const MIN_MS = 1_000;
const MAX_MS = 24 * 3_600_000;

export const timeouts = definePlugin({
  name: "timeouts",
  parse: (directive, block) => {
    for (const stanza of directive.stanzas) {
      stanza.end();
      if (stanza.options.length === 0) stanza.fail("timeouts block with no timeouts specified");
      stanza.readOptions((option) => readOption(option, block));
    }
  },
});

function readOption(option: Option, block: BlockSettings): void {
  const token = option.token();
  option.end();
  switch (option.name) {
    case "read":
      block.readTimeoutMs = readTime(option, token);
      break;
    case "write":
      block.writeTimeoutMs = readTime(option, token);
      break;
    case "idle":
      block.idleTimeoutMs = readTime(option, token);
      break;
    case "maxtcpqueries":
      block.maxTcpQueries = readLimit(option, token);
      break;
    default:
      option.fail(`unknown option: '${option.name}'`);
  }
}

function readTime(option: Option, token: Token): number {
  const isBare = /^[-+]?[0-9]+$/.test(token.text);
  const ms = isBare ? Number(token.text) * 1000 : parseDuration(token.text);
  if (ms === undefined) return option.fail(`failed to parse duration '${token.text}'`, token);
  if (ms >= MIN_MS && ms <= MAX_MS) return ms;
  return option.fail(`timeout provided '${formatGoDuration(ms)}' needs to be between 1 second and 24 hours`, token);
}

function readLimit(option: Option, token: Token): number {
  const { text } = token;
  const limit = /^[-+]?[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(limit)) {
    return option.fail(
      `invalid value for maxtcpqueries '${text}': strconv.Atoi: parsing "${text}": invalid syntax`,
      token,
    );
  }
  if (limit === -1 || limit > 0) return limit;
  return option.fail(`maxtcpqueries provided '${limit}' needs to be -1 (unlimited) or a positive integer`, token);
}
