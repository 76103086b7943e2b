/** What portcullis answers to an object, through the pipeline, in the words of the pages under docs/. */
import jsonPatch from "fast-json-patch";
import { review } from "../../../src/admission/review.ts";
import type { Recorder } from "../../../src/admission/types.ts";
import type { KubernetesObject } from "../../../src/kube/objects.ts";
import { matchesSelector } from "../../../src/kube/selectors.ts";
import { entryOf, type Phase, type Policy } from "../../../src/policy/policy.ts";
import { indexPolicies } from "../../../src/policy/policy-index.ts";
import { DEFAULT_NAMESPACE, resourceOf } from "../../support/cases.ts";
import { bytesOf, callOf, patchesOf, requestOf, reviewOf } from "../../support/reviews.ts";
import type { Example } from "./told-examples.ts";

const NOBODY: Recorder = { reviewed: () => {} };
const NOTHING = "admitted as it is";

export function answerTo(example: Omit<Example, "told" | "policy">, policies: readonly Policy[]): string {
  const ask = (phase: Phase, object: KubernetesObject) =>
    entriesFor(phase, example, policies).map((entry) => {
      const request = bytesOf(reviewOf(requestFor(example, object)));
      return review(callOf({ phase, entry }), request, indexPolicies(policies), NOBODY).response;
    });
  const patches = ask("mutate", example.object).flatMap(patchesOf);
  const stored = jsonPatch.applyPatch(structuredClone(example.object), patches, true).newDocument;
  const verdicts = ask("validate", stored);
  const lines = [
    ...writtenLines(example.object, stored),
    ...verdicts.flatMap(({ warnings = [] }) => warnings.map((warning) => `Warning: ${warning}`)),
    ...verdicts.flatMap(({ status }) => (status ? [`refused: ${status.message}`] : [])),
  ];
  return lines.length === 0 ? NOTHING : lines.join("\n");
}

/** As the API server matches selectors. */
function entriesFor(
  phase: Phase,
  { namespaceLabels, object }: Pick<Example, "namespaceLabels" | "object">,
  policies: readonly Policy[],
) {
  const selecting = policies.filter(
    ({ namespaceSelector, objectSelector }) =>
      matchesSelector(namespaceSelector, namespaceLabels) && matchesSelector(objectSelector, object.metadata?.labels),
  );
  return [...new Set(selecting.map((policy) => entryOf(phase, policy)))];
}

function requestFor({ oldObject, username }: Pick<Example, "oldObject" | "username">, object: KubernetesObject) {
  const [resource = "", ...group] = resourceOf(object).split(".");
  const version = String(object.apiVersion).split("/").at(-1);
  return requestOf({
    kind: { group: group.join("."), version, kind: object.kind },
    resource: { group: group.join("."), version, resource },
    namespace: object.metadata?.namespace ?? DEFAULT_NAMESPACE,
    name: object.metadata?.name ?? "",
    operation: oldObject ? "UPDATE" : "CREATE",
    userInfo: { username },
    object,
    oldObject: oldObject ?? null,
  });
}

/** Patches are leaves of labels and annotations. */
function writtenLines(before: KubernetesObject, after: KubernetesObject): readonly string[] {
  return (["labels", "annotations"] as const).flatMap((map) =>
    Object.entries(after.metadata?.[map] ?? {})
      .filter(([key, value]) => before.metadata?.[map]?.[key] !== value)
      .map(([key, value]) => `writes ${key}: ${value === "" ? '""' : value}`),
  );
}
