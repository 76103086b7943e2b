/** Policies as a cluster could have them: some about the review, most about something else. */

/** Of a Deployment in the namespace of the review. */
export const TEAM = policyOf("workloads-name-their-team", labelPolicy("team", { resources: ["deployments.apps"] }));

const MATCHING = [
  policyOf("workloads-carry-an-app-label", labelPolicy("app", { resources: ["deployments.apps"] })),
  TEAM,
  policyOf("claims-are-backed-up", { rule: "velero-backup", validationActions: ["Deny"] }),
];

/** How many of `policySet(count)` are about the review. */
export function matchingOf(count: number): number {
  return Math.min(count, MATCHING.length);
}

/** Those that don't match are about other resources and, as many, about the same in other namespaces. */
export function policySet(count: number): readonly object[] {
  const others = Array.from({ length: count - matchingOf(count) }, (_, index) => {
    const match =
      index % 2 === 0
        ? { resources: ["statefulsets.apps"] }
        : { resources: ["deployments.apps"], namespaces: { include: [`tenant-${index}-*`] } };
    return policyOf(`tenant-${index}-carries-labels`, labelPolicy(`tenant-${index}`, match));
  });
  return [...MATCHING.slice(0, count), ...others];
}

function labelPolicy(label: string, match: object): object {
  return { rule: "required-labels", params: { labels: [{ anyOf: [label] }] }, match, validationActions: ["Deny"] };
}

export function policyOf(name: string, spec: object): object {
  return { apiVersion: "portcullis.dev/v1alpha1", kind: "Policy", metadata: { name }, spec };
}
