/** What an upgrade with other policies does besides replacing Pods: the Deployment's rollout, and the Job of register. */
import { type Account, stealToken } from "./accounts.ts";
import type { ControlPlane } from "./control-plane/start.ts";
import { apply, type Installation, kubectlOrThrow, readDocument, readDocuments } from "./installation.ts";
import { type Program, startProgram } from "./program.ts";

const REGISTER: Account = "register";

export interface RegisterJob {
  start(policyDir: string): Program;
}

/** Grants register its rights; `start` is what creating the Job comes to. */
export async function prepareRegister(controlPlane: ControlPlane, installation: Installation): Promise<RegisterJob> {
  await apply(controlPlane, readDocuments("rbac-register.yaml"));
  const kubeconfig = await stealToken(controlPlane, REGISTER);
  return {
    start: (policyDir) =>
      startProgram(
        "init",
        {
          MUTATE_CONFIG: "portcullis",
          VALIDATE_CONFIG: "portcullis",
          WEBHOOK_SERVICE: readDocument("service.yaml").metadata.name,
          WEBHOOK_NAMESPACE: installation.namespace,
          WEBHOOK_PORT: String(installation.port),
          WEBHOOK_DEPLOYMENT: readDocument("deployment.yaml").metadata.name,
          EXCLUDE_NAMESPACES: "velero,cert-manager",
          POLICY_DIR: policyDir,
          KUBECONFIG: kubeconfig,
        },
        ["register"],
      ),
  };
}

/** The names of the validating entries, sorted. */
export async function readEntries(controlPlane: ControlPlane): Promise<readonly string[]> {
  const path = "jsonpath={.webhooks[*].name}";
  const names = await kubectlOrThrow(controlPlane, ["get", "validatingwebhookconfiguration", "portcullis", "-o", path]);
  return names.split(" ").sort();
}
