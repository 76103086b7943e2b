import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PortcullisError } from "../../src/errors.ts";

/** Read by the server, for a line of /readyz. */
const FILE_NAME = "registration.json";

export interface Registration {
  readonly policyHash: string;
  /** Of the entries that these policies ask for. */
  readonly registrationHash: string;
  readonly namespace: string;
  /** Names of the entries that these policies ask for. */
  readonly webhooks: readonly string[];
}

/** Atomic: a reader sees the old text or the new one. Throws PortcullisError CERTIFICATES. */
export function writeRegistration(certDir: string, registration: Registration): void {
  const path = join(certDir, FILE_NAME);
  try {
    writeFileSync(`${path}_tmp`, JSON.stringify(registration));
    renameSync(`${path}_tmp`, path);
  } catch (error) {
    throw new PortcullisError("CERTIFICATES", `${path} can't be written: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
