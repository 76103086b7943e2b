/** Where an object has labels: its own, and those that it hands on to what it makes. */
import { type KubernetesObject, recordField } from "../../kube/objects.ts";
import { podTemplateOf } from "../../kube/pod-template.ts";
import type { JudgedOperation } from "../rule.ts";

/** Values of a template are unchecked: read them with `stringField`. */
export type LabelMap = Readonly<Record<string, unknown>>;

export interface LabelPlace {
  readonly level: "object" | "jobTemplate" | "podTemplate";
  /** JSON pointer of the label map, whether or not there is one. */
  readonly pointer: string;
  readonly labels: LabelMap;
}

/** An object as this rule sees it. */
export interface LabelledObject {
  readonly resource: string;
  readonly operation: JudgedOperation;
  readonly places: readonly LabelPlace[];
  /** The same places before an update; empty on CREATE. */
  readonly oldPlaces: readonly LabelPlace[];
}

export function labelPlacesOf(resource: string, object: KubernetesObject): readonly LabelPlace[] {
  const places: LabelPlace[] = [{ level: "object", pointer: "/metadata/labels", labels: labelsUnder(object) }];
  if (resource === "cronjobs.batch") {
    const jobTemplate = recordField(recordField(object, "spec"), "jobTemplate");
    places.push({
      level: "jobTemplate",
      pointer: "/spec/jobTemplate/metadata/labels",
      labels: labelsUnder(jobTemplate),
    });
  }
  const template = podTemplateOf(resource, object);
  if (template !== undefined && template.pointer !== "") {
    places.push({
      level: "podTemplate",
      pointer: `${template.pointer}/metadata/labels`,
      labels: labelsUnder(template),
    });
  }
  return resource === "jobs.batch" ? places.map((place) => inheritLabels(place, places)) : places;
}

/** The API server gives a Job without labels those of its template; a manifest on disk is judged as if it had. */
function inheritLabels(place: LabelPlace, places: readonly LabelPlace[]): LabelPlace {
  const template = places.find(({ level }) => level === "podTemplate");
  return template && isUnlabelled(place) ? { ...place, labels: template.labels } : place;
}

export function isUnlabelled(place: LabelPlace): boolean {
  return Object.keys(place.labels).length === 0;
}

function labelsUnder(parent: unknown): LabelMap {
  return recordField(recordField(parent, "metadata"), "labels") ?? {};
}
