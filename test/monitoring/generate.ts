/** Makes manifests/monitoring/prometheusrule.yaml: rules.yaml, comments and all, below the head of a PrometheusRule. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../meta/source-files.ts";
import { renderPrometheusRule } from "./rules.ts";

writeFileSync(join(ROOT, "manifests/monitoring/prometheusrule.yaml"), renderPrometheusRule());
