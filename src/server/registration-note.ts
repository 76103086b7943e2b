import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Written by init beside the certificates: `{"policyHash": string, "webhooks": string[]}`, as it found the cluster. */
const FILE_NAME = "registration.json";

/**
 * One clause when the webhooks in the cluster were made from other policies than the server's, as between a rollout and
 * its register Job. Nothing when init left no word.
 */
export function registrationNotes(directory: string, loadedHash: string): readonly string[] {
  const registeredHash = readRegisteredHash(directory);
  if (registeredHash === undefined || registeredHash === loadedHash) return [];
  return [`the webhooks are registered for the policies ${registeredHash}, and ${loadedHash} are loaded`];
}

function readRegisteredHash(directory: string): string | undefined {
  try {
    const { policyHash } = JSON.parse(readFileSync(join(directory, FILE_NAME), "utf8")) as { policyHash?: unknown };
    return typeof policyHash === "string" && /^[0-9a-f]{12}$/.test(policyHash) ? policyHash : undefined;
  } catch {
    return undefined;
  }
}
