import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { describeCluster } from "../support/cluster.ts";
import { checkCorpus } from "./corpus.ts";

const CORPUS = fileURLToPath(new URL("../../../shared/corpus", import.meta.url));

describeCluster("manifests of public projects", (controlPlane) => {
  it.skipIf(!existsSync(CORPUS))("come to what is written of them", async () => {
    const findings = await checkCorpus(CORPUS, controlPlane());
    expect(findings.length).toBeGreaterThan(0);
    expect(findings.filter((finding) => !finding.ok)).toEqual([]);
  });
});
