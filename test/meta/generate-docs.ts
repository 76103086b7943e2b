/**
 * The files that are made from tables in the source, so that they can't say anything else.
 * `node test/meta/generate-docs.ts` writes them; docs.test.ts compares.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { rules } from "../../src/rules/index.ts";
import { renderPrometheusRule } from "../monitoring/rules.ts";
import { casesOf } from "../support/cases.ts";
import { CHART_README, renderChartReadme } from "./generated/chart-values.ts";
import { renderConfiguration } from "./generated/configuration-page.ts";
import { renderErrors } from "./generated/errors-page.ts";
import { renderPolicySchema } from "./generated/policy-schema.ts";
import { renderRules } from "./generated/rules-page.ts";
import { ROOT } from "./source-files.ts";

/** What is to be there, by path from the root. */
export const GENERATED_DOCS: Readonly<Record<string, () => string>> = {
  "docs/configuration.md": renderConfiguration,
  "docs/errors.md": renderErrors,
  "docs/rules.md": () => renderRules(rules, casesOf),
  [CHART_README]: renderChartReadme,
  "manifests/monitoring/prometheusrule.yaml": renderPrometheusRule,
  "manifests/policy.schema.json": () => renderPolicySchema(rules),
};

if (import.meta.main) {
  for (const [path, render] of Object.entries(GENERATED_DOCS)) writeFileSync(join(ROOT, path), render());
}
