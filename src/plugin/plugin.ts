/**
 * The contract between the server and a plugin.
 *
 * A plugin has up to three halves. `parse` turns its directive into a plain config and runs in the supervisor; every
 * mistake is thrown by the directive's readers and names its place. `control`, also in the supervisor, does what goes on
 * beside queries: it watches, loads, probes, serves HTTP, and hands results to the workers by `publish`. `serve` runs in
 * every worker and turns the config into a handler, once, when the chain is linked.
 *
 * A small plugin is one file. One with a control half is a folder: `index.ts` holds the page and `parse`, and loads the
 * other two where they are needed, so that no worker carries what only the supervisor uses:
 *
 *     export const file = definePlugin({
 *       name: "file",
 *       parse,
 *       control: inSupervisor(() => import("./control.ts")),   // exports `control`
 *       serve: inWorker(() => import("./serve.ts")),           // exports `serve`
 *     });
 *
 * A user's plugin is the same, as the default export of a file whose path a Corefile names as a directive:
 * `./plugins/greeting.js args`. No rebuild is needed. A reload takes its code as it is then, in all workers at once, and the
 * `reload` plugin notices when the file has changed. Files that it imports are not looked at: a worker keeps those that it has
 * loaded, so changes in them want a restart, or one file that has it all.
 */
import type { Directive } from "../corefile/directive.ts";
import type { BlockSettings } from "./block-settings.ts";
import type { ControlHalf, ServeHalf } from "./context.ts";

export interface Plugin<Config = unknown> {
  /** The directive's name in a Corefile. */
  name: string;
  /** For users' own plugins: the plugin of the server that this one stands before in a chain. Default: `hosts`. */
  before?: string;
  /** Where workers load a user's own plugin from: set by the server. */
  url?: string;
  /** Each occurrence in a block becomes an element of the chain, in written order (forward). Else all make one. */
  repeatable?: boolean;
  /** It is no element of the chain, though it has a serve half: that sets something up for the listener (proxyproto). */
  isSetupOnly?: boolean;
  /** What it hands over at a reload came from the rest of the chain: only a block in which nothing has changed inherits it. */
  holdsAnswers?: boolean;
  /** Queries of classes other than IN reach the chain (behaviour 2.8, step 4). */
  anyClass?: boolean;
  /** Turns the directive into the config: plain data that can be sent to a worker. Reads and sets the block's settings. */
  parse(directive: Directive, block: BlockSettings): Config;
  control?: ControlHalf<Config> | Deferred<{ control: ControlHalf<Config> }>;
  /** Absent: the plugin only sets something up and is no element of the chain (root, bind, debug). */
  serve?: ServeHalf<Config> | Deferred<{ serve: ServeHalf<Config> }>;
}

/** A half that is loaded in the thread that runs it. */
export interface Deferred<Module> {
  load(): Promise<Module>;
}

export function inSupervisor<Config>(
  load: () => Promise<{ control: ControlHalf<Config> }>,
): Deferred<{ control: ControlHalf<Config> }> {
  return { load };
}

export function inWorker<Config>(
  load: () => Promise<{ serve: ServeHalf<Config> }>,
): Deferred<{ serve: ServeHalf<Config> }> {
  return { load };
}

/** Checks the types of a plugin's halves against each other; the list of plugins then forgets the config's type. */
export function definePlugin<Config>(plugin: Plugin<Config>): Plugin {
  return plugin as Plugin;
}
