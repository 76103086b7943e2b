/**
 * Reviews that keep the contract, of every kind and operation: objects as an API server admits them, and objects of which only
 * what the contract says is as it should be.
 */
import fc from "fast-check";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import type { Phase } from "../../src/policy/policy.ts";
import { objects, updates } from "./admissible-objects.ts";
import { weighted } from "./admissible-pods.ts";
import { requestFor } from "./request-for.ts";
import { podsWithClaims, uncheckedIngresses, uncheckedObjects } from "./unchecked-objects.ts";

export interface AskedReview {
  readonly entry: string;
  readonly request: Readonly<Record<string, unknown>>;
}

/** Created, updated, or neither. */
const asked = weighted(
  [5, objects.map((object) => requestFor(object))],
  [3, updates.map(({ before, changed }) => requestFor(changed(before), before))],
  [5, uncheckedObjects.map((object) => requestFor(object))],
  [2, podsWithClaims.map((object) => requestFor(object))],
  [
    3,
    fc.tuple(uncheckedObjects, uncheckedObjects).map(([object, other]) => {
      return requestFor(object, { ...other, apiVersion: object.apiVersion ?? "", kind: object.kind ?? "" });
    }),
  ],
  [
    1,
    uncheckedObjects.map((object) =>
      requestFor(object, undefined, { operation: "DELETE", object: null, oldObject: object }),
    ),
  ],
  [1, uncheckedObjects.map((object) => requestFor(object, undefined, { operation: "CONNECT", subResource: "exec" }))],
);
const circumstances = fc.record(
  {
    uid: weighted(
      [9, fc.uuid()],
      [1, fc.string({ unit: fc.constantFrom(...'!"<&\\~az09'), minLength: 1, maxLength: 36 })],
    ),
    name: fc.constantFrom("", "web", "u-octocat"),
    namespace: fc.constantFrom("application", "u-octocat", "kube-system", ""),
    subResource: fc.constantFrom("", "", "", "status", "scale"),
    dryRun: fc.boolean(),
    userInfo: fc.record({
      username: fc.constantFrom(
        ...["alice", "octocat", "root", "a\n\u001b[31mb", "system:serviceaccount:velero:velero"],
        "system:serviceaccount:kube-system:replicaset-controller",
      ),
      groups: fc.constantFrom<readonly string[]>([], ["system:authenticated"], ["system:masters"]),
    }),
  },
  { requiredKeys: ["uid", "userInfo"] },
);

/** Nobody knows 0badc0de: it is judged by the policies of all entries. */
const ENTRIES = weighted(
  [3, fc.constant("")],
  [3, fc.constant("0badc0de")],
  [1, fc.constantFrom("policies", "canary")],
);

export const validReviews: fc.Arbitrary<AskedReview> = fc
  .record({
    request: asked,
    circumstances,
    entry: ENTRIES,
  })
  .map(({ request, circumstances: own, entry }) => ({ entry, request: { ...request, ...own } }));

/** What is created where the mutating webhooks are asked. */
export const createdObjects: fc.Arbitrary<KubernetesObject> = weighted(
  [1, objects],
  [4, podsWithClaims],
  [2, uncheckedObjects],
  [2, uncheckedIngresses],
);

export const PHASES = ["mutate", "validate"] as const satisfies readonly Phase[];
