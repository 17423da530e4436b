/** The control half of cookie: has the secrets, reads them from their file, or draws them. */
import { randomBytes } from "node:crypto";
import { readBounded } from "../../corefile/files.ts";
import type { Control, ControlContext } from "../../plugin/context.ts";
import { MAX_TIMER_MS } from "../../plugin/timer.ts";
import { type CookieConfig, readSecret } from "./index.ts";

/** What the workers get: the first makes cookies, all are taken. */
export type Secrets = readonly Uint8Array[];

/** For how long a secret of our own makes cookies. RFC 9018 section 5 asks for a change now and then. */
const DAY_MS = 24 * 3_600_000;

export async function control(config: CookieConfig, context: ControlContext): Promise<Control> {
  if (config.file) return fromFile(config.file, context);
  if (config.secrets.length > 0) {
    context.publish(config.secrets);
    return { stop: () => {} };
  }
  return drawn(context);
}

/** One for all blocks and reloads: whoever asks two zones of a server knows one cookie of its address. */
let secretsDrawn: Secrets | undefined;
const receivers = new Set<(secrets: Secrets) => void>();

function drawn(context: ControlContext): Control {
  if (secretsDrawn === undefined) setInterval(drawNext, DAY_MS).unref();
  secretsDrawn ??= [draw()];
  context.publish(secretsDrawn);
  receivers.add(context.publish);
  return { stop: () => void receivers.delete(context.publish) };
}

function drawNext(): void {
  secretsDrawn = [draw(), secretsDrawn![0]!];
  for (const publish of receivers) publish(secretsDrawn);
}

function draw(): Uint8Array {
  return Uint8Array.from(randomBytes(16));
}

function fromFile({ path, everyMs }: NonNullable<CookieConfig["file"]>, context: ControlContext): Control {
  let known: string;
  try {
    known = readBounded(path, "latin1");
  } catch (error) {
    throw new Error(`cannot read the secrets: ${(error as Error).message}`);
  }
  const first = readSecrets(known);
  if (typeof first === "string") throw new Error(`${path}: ${first}`);
  context.publish(first);
  const look = (): void => {
    let text: string;
    try {
      text = readBounded(path, "latin1");
    } catch {
      // While a file is being replaced it may not be there: the secrets stay those that are known.
      return;
    }
    if (text === known) return;
    known = text;
    const secrets = readSecrets(text);
    if (typeof secrets === "string") {
      context.log.error(`${path}: ${secrets}; the secrets stay what they were`);
      return;
    }
    context.publish(secrets);
    context.log.info(`${path}: new secrets, ${secrets.length} of them`);
  };
  const timer = everyMs > 0 ? setInterval(look, Math.min(everyMs, MAX_TIMER_MS)).unref() : undefined;
  return { stop: () => clearInterval(timer) };
}

/** The secrets in `text`, or what is wrong with it, without its words: they may be secret. */
function readSecrets(text: string): Secrets | string {
  const secrets: Uint8Array[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const word = line.trim();
    if (word === "" || word.startsWith("#")) continue;
    const secret = readSecret(word);
    if (secret === undefined) return `line ${index + 1} is no secret of 32 hexadecimal digits`;
    secrets.push(secret);
  }
  return secrets.length > 0 ? secrets : "no secret is there";
}
