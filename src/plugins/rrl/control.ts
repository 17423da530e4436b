/** The control half of rrl: gives the memory of the accounts, which a reload keeps. */
import { type HashKey, randomKey } from "../../memory/keyed-hash.ts";
import type { Control, ControlContext } from "../../plugin/context.ts";
import { Accounts } from "./accounts.ts";
import type { RrlConfig } from "./index.ts";

/** What the workers share. */
export interface Published {
  readonly accounts: SharedArrayBuffer;
  readonly hashKey: HashKey;
}

export async function control({ size }: RrlConfig, context: ControlContext): Promise<Control> {
  const memory = (context.inherited as Published | undefined) ?? {
    accounts: Accounts.allocate(size),
    hashKey: randomKey(),
  };
  context.publish(memory);
  return { inherit: () => memory, stop: () => {} };
}
