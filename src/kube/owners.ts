import type { KubernetesObject } from "./objects.ts";

/** kube-controller-manager's own accounts, and its one user where it runs without an account for each controller. */
export const KUBE_SYSTEM_CONTROLLER = /^system:serviceaccount:kube-system:[a-z0-9-]+-controller$/;
export const CONTROLLER_MANAGER = "system:kube-controller-manager";

/**
 * Whether ownerReferences that this user writes can be believed. Anybody can write one, so they count only from a
 * kube-system controller or from an account that the policy lists: a forged owner must not slip past a rule.
 */
export function isTrustedController(username: string, listed: readonly string[]): boolean {
  return KUBE_SYSTEM_CONTROLLER.test(username) || username === CONTROLLER_MANAGER || listed.includes(username);
}

/** The kind of the controlling owner that the object claims, true or not. */
export function controllerKind(object: KubernetesObject): string | undefined {
  return object.metadata?.ownerReferences?.find((owner) => owner.controller === true)?.kind;
}
