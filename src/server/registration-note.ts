import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Written by init beside the certificates; of what is in it, the server reads this. */
interface Registration {
  readonly registrationHash: string;
  readonly namespace: string;
}

const FILE_NAME = "registration.json";

/**
 * One clause, with what to type, when the policies that are loaded ask for other webhooks than those that init knew, as
 * after a reload. Nothing when init left no word.
 */
export function registrationNotes(directory: string, loadedHash: string): readonly string[] {
  const registration = readRegistration(directory);
  if (registration === undefined || registration.registrationHash === loadedHash) return [];
  const { namespace } = registration;
  return [
    "the policies that are loaded need other webhook rules than this Pod was started with; to register them: " +
      `kubectl delete job -n ${namespace} -l app.kubernetes.io/component=register, and then again what installed it: ` +
      "kubectl apply -k of your kustomization, or helm upgrade with your values",
  ];
}

function readRegistration(directory: string): Registration | undefined {
  try {
    const text = readFileSync(join(directory, FILE_NAME), "utf8");
    const { registrationHash, namespace } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    if (typeof registrationHash !== "string" || !/^[0-9a-f]{12}$/.test(registrationHash)) return undefined;
    return typeof namespace === "string" && /^[a-z0-9-]+$/.test(namespace)
      ? { registrationHash, namespace }
      : undefined;
  } catch {
    return undefined;
  }
}
