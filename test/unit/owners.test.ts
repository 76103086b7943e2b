import { describe, expect, it } from "vitest";
import { controllerKind, isTrustedController } from "../../src/kube/owners.ts";

describe("an account whose ownerReferences are believed", () => {
  it.each([
    "system:serviceaccount:kube-system:replicaset-controller",
    "system:serviceaccount:kube-system:job-controller",
    "system:kube-controller-manager",
  ])("is one of kube-system's controllers: %s", (username) => {
    expect(isTrustedController(username, [])).toBe(true);
  });

  it.each([
    "",
    "alice",
    "system:admin",
    "system:node:worker-1",
    "system:serviceaccount:kube-system:default",
    "system:serviceaccount:kube-system:controller",
    "system:serviceaccount:kube-system-2:replicaset-controller",
    "system:serviceaccount:application:replicaset-controller",
    "system:serviceaccount:kube-system:replicaset-controller\n",
    "x:system:serviceaccount:kube-system:replicaset-controller",
    "system:serviceaccount:kube-system:a:b-controller",
  ])("is not anybody who is called like one: %j", (username) => {
    expect(isTrustedController(username, [])).toBe(false);
  });

  it("is one that the policy lists, by its whole name", () => {
    const listed = ["system:serviceaccount:argo:rollouts"];
    expect(isTrustedController("system:serviceaccount:argo:rollouts", listed)).toBe(true);
    expect(isTrustedController("system:serviceaccount:argo:rollouts-2", listed)).toBe(false);
  });
});

describe("the kind of the controlling owner", () => {
  const owner = (kind: string, controller?: boolean) => ({
    apiVersion: "v1",
    kind,
    name: "a",
    uid: "1",
    ...(controller === undefined ? {} : { controller }),
  });

  it("is that of the owner that controls, and not of the others", () => {
    const ownerReferences = [owner("ConfigMap"), owner("Node", false), owner("ReplicaSet", true)];
    expect(controllerKind({ metadata: { ownerReferences } })).toBe("ReplicaSet");
  });

  it.each([undefined, null, [], [owner("ConfigMap")]])("is none where none controls: %j", (ownerReferences) => {
    expect(controllerKind({ metadata: { ownerReferences: ownerReferences ?? null } })).toBeUndefined();
    expect(controllerKind({})).toBeUndefined();
  });
});
