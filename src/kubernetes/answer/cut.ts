/**
 * What a name below a zone of the cluster asks for, from right to left: `svc` or `pod`, a namespace, a Service or a pod's
 * address, and what chooses among a Service's endpoints (behaviour 3.G). One object is used for every query.
 */
import type { Name } from "../../dns/name.ts";
import { wireLabels } from "../../dns/name-text.ts";

export const Form = {
  /** Nothing that could ever exist. */
  UNKNOWN: 0,
  /** The zone's own name. */
  ZONE: 1,
  /** `svc.ZONE`, `pod.ZONE` */
  KIND: 2,
  /** `NAMESPACE.svc.ZONE`, `NAMESPACE.pod.ZONE` */
  NAMESPACE: 3,
  SERVICE: 4,
  /** `ENDPOINT.SERVICE...`; in a zone of a cluster set `ENDPOINT.CLUSTER.SERVICE...` */
  ENDPOINT: 5,
  /** `_PORT._PROTOCOL.SERVICE...`, underscores or not */
  PORT: 6,
  /** `ZONELABELS.pin|prefer._zone.SERVICE...` */
  ZONAL: 7,
  /** `10-0-0-1.NAMESPACE.pod.ZONE`, whatever stands before it */
  POD: 8,
} as const;
export type Form = (typeof Form)[keyof typeof Form];

export class Cut {
  form: Form = Form.UNKNOWN;
  isPod = false;
  /** Which label is the namespace, and which the Service or the pod's address, where the form has them. */
  namespaceLabel = 0;
  serviceLabel = 0;
  /** The endpoint must come from the cluster that label 1 names. */
  hasCluster = false;
  /** For ZONAL: endpoints of other zones when there is none in this one. Labels 0 to `zoneLabels` are the zone's name. */
  isPreference = false;
  zoneLabels = 0;

  /** Cuts `name`, of which `labels` stand before the zone. */
  read(name: Name, labels: number, isMulticluster: boolean, zonal: boolean): void {
    this.form = Form.UNKNOWN;
    this.hasCluster = false;
    this.isPod = false;
    if (labels === 0) {
      this.form = Form.ZONE;
      return;
    }
    const { bytes, offsets } = name;
    if (isWord(bytes, offsets[labels - 1]!, POD)) this.isPod = true;
    else if (!isWord(bytes, offsets[labels - 1]!, SVC)) return;
    if (labels === 1) {
      this.form = Form.KIND;
      return;
    }
    this.namespaceLabel = labels - 2;
    if (labels === 2) {
      this.form = Form.NAMESPACE;
      return;
    }
    this.serviceLabel = labels - 3;
    if (labels === 3) this.form = this.isPod ? Form.POD : Form.SERVICE;
    else if (labels === 4) this.form = this.isPod ? Form.POD : isMulticluster ? Form.UNKNOWN : Form.ENDPOINT;
    else if (labels === 5) {
      this.hasCluster = isMulticluster && bytes[offsets[1]! + 1] !== UNDERSCORE;
      this.form = this.isPod ? Form.POD : this.hasCluster ? Form.ENDPOINT : Form.PORT;
    } else if (zonal && !this.isPod && isWord(bytes, offsets[labels - 4]!, ZONE_MARK))
      this.#readZonal(name, labels - 5);
  }

  #readZonal({ bytes, offsets }: Name, policy: number): void {
    this.isPreference = isWord(bytes, offsets[policy]!, PREFER);
    if (!this.isPreference && !isWord(bytes, offsets[policy]!, PIN)) return;
    this.zoneLabels = policy;
    this.form = Form.ZONAL;
  }
}

const SVC = wireLabels("svc");
const POD = wireLabels("pod");
const ZONE_MARK = wireLabels("_zone");
const PIN = wireLabels("pin");
const PREFER = wireLabels("prefer");
const UNDERSCORE = 0x5f;

/** Whether the label at `at` is `word`, a label in lower case. */
export function isWord(bytes: Uint8Array, at: number, word: Uint8Array): boolean {
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word[i]) return false;
  return true;
}
