/** The files of a server whose alerts are driven: certificates and policies, good and bad. */
import { mkdtempSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { issueCertificates } from "../../src/tls/issue.ts";
import type { CertificatePair } from "../../src/tls/profile.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Whoever makes it removes it. */
export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), "portcullis-alerts-"));
}

/** A month, unless it is to end sooner. */
export function issuePair(untilMs = 30 * DAY_MS): CertificatePair {
  return issueCertificates({
    names: { service: "portcullis", namespace: "portcullis" },
    keyAlgorithm: "ecdsa-p256",
    notBefore: new Date(Date.now() - HOUR_MS),
    notAfter: new Date(Date.now() + untilMs),
  });
}

function policy(spec: string): string {
  return `apiVersion: portcullis.dev/v1alpha1
kind: Policy
metadata: { name: workloads-name-their-app }
spec:
  rule: required-labels
  params: { labels: [{ anyOf: [app] }] }
${spec}`;
}

/** A counter of violations that is there, audited ones too; `until` is the last day. */
const AUDITED = policy("  validationActions: [Audit]\n").replace("their-app", "their-app-audited");
const exception = (days: number) =>
  `    - { until: ${new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10)}, reason: a test, namespaces: [n${days}] }\n`;

export const policyFiles = {
  good: { "labels.yaml": policy("  validationActions: [Deny]\n"), "audited.yaml": AUDITED },
  withExceptions: { "labels.yaml": policy(`  exceptions:\n${exception(3)}${exception(-3)}`), "audited.yaml": AUDITED },
  bad: { "labels.yaml": policy("  validationActions: [Refuse]\n") },
  // With one that lasts: what the dashboard shows of exceptions is not nothing.
  mended: { "labels.yaml": policy(`  exceptions:\n${exception(90)}`), "audited.yaml": AUDITED },
} as const;

/** Each at once: nobody reads half of one. */
export function writeFiles(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(directory, `.${name}`), text);
    renameSync(join(directory, `.${name}`), join(directory, name));
  }
}
