/** Which namespaces have names: those that are listed, those with certain labels, or all. Names are labels in lower case. */
import { wireLabels } from "../../dns/name-text.ts";
import type { ClusterView } from "../table/cluster-view.ts";
import { isWord } from "./cut.ts";

export interface ShownOptions {
  /** The only ones; empty: all. */
  readonly namespaces: readonly string[];
  /** A selector: the table has those namespaces only that it fits. Empty: it has all. */
  readonly namespaceLabels: string;
}

export class ShownNamespaces {
  /** What `has` says is only as good as what is known of the namespaces. */
  readonly byLabels: boolean;
  readonly #listed: readonly Uint8Array[];

  constructor({ namespaces, namespaceLabels }: ShownOptions) {
    this.byLabels = namespaceLabels !== "";
    this.#listed = namespaces.map((name) => wireLabels(name.toLowerCase()));
  }

  /** Whether names are in the namespace whose label stands at `at`. */
  has(view: ClusterView, bytes: Uint8Array, at: number): boolean {
    return this.hasTargets(bytes, at) && (!this.byLabels || view.hasNamespace(bytes, at));
  }

  /** Whether PTR records may lead there: labels do not matter for them, as in CoreDNS. */
  hasTargets(bytes: Uint8Array, at: number): boolean {
    const listed = this.#listed;
    if (listed.length === 0) return true;
    for (let i = 0; i < listed.length; i++) if (isWord(bytes, at, listed[i]!)) return true;
    return false;
  }
}
