/**
 * The tour: the stories that portcullis is for, played on a stage, with what came of them. `npm start` shows them to a
 * newcomer, and the tests hold them. What the rules say in detail is in their case files.
 */
import type { KubernetesObject } from "../../src/kube/objects.ts";

export type Verdict = "refused" | "corrected" | "admitted" | "skipped";

/** What came of one act of a story. */
export interface Reply {
  readonly verdict: Verdict;
  /** The API server's own words, or the server's where there is no API server. */
  readonly message: string;
  /** The object as it is stored afterwards. */
  readonly object?: KubernetesObject;
}

/** Where stories are played: a real API server, or the server alone. */
export interface Stage {
  readonly mode: "cluster" | "direct";
  create(object: KubernetesObject): Promise<Reply>;
  /** A merge patch. */
  patch(kind: string, name: string, patch: object): Promise<Reply>;
  /** The first Pod of a StatefulSet that has been created. */
  firstPodOf(statefulSet: KubernetesObject): Promise<Reply>;
  /** `helm install` of a chart of one template. */
  installChart(name: string, template: KubernetesObject): Promise<Reply>;
  /** A new Pod of portcullis in place of the old one. */
  restart(): Promise<Reply>;
}

export const NAMESPACE = "application";
export const BACKUP_VOLUMES = "backup.velero.io/backup-volumes";
