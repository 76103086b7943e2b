/**
 * The list of rules, one line each; a test compares it with the folders beside it.
 * Everything derived from rules (webhook rules, the policy schema, docs, metric labels) starts here.
 */
import { ingressBucket } from "./ingress-bucket/rule.ts";
import { jobHygiene } from "./job-hygiene/rule.ts";
import { namespaceOwner } from "./namespace-owner/rule.ts";
import { requiredLabels } from "./required-labels/rule.ts";
import type { Rule } from "./rule.ts";
import { secretEnv } from "./secret-env/rule.ts";
import { veleroBackup } from "./velero-backup/rule.ts";

export const rules: readonly Rule[] = [
  ingressBucket,
  jobHygiene,
  namespaceOwner,
  requiredLabels,
  secretEnv,
  veleroBackup,
];

export function ruleById(id: string): Rule | undefined {
  return rules.find((rule) => rule.id === id);
}
