/** The ServiceAccounts that ship: their roles, their tokens, and the guard that stands over them. */
import type { ControlPlane } from "./control-plane/start.ts";
import { apply, kubectlOrThrow, readDocument, readDocuments, waitUntil } from "./installation.ts";
import { type Program, type ProgramEnvironment, startProgram } from "./program.ts";

/** With the file of manifests/base that grants its rights. */
export const ACCOUNTS = {
  init: "rbac.yaml",
  register: "rbac-register.yaml",
  rotate: "rbac-rotate.yaml",
  cleanup: "rbac-cleanup.yaml",
} as const;

export type Account = keyof typeof ACCOUNTS;

const NAMESPACE = "portcullis";

export async function applyAccounts(controlPlane: ControlPlane): Promise<void> {
  await apply(controlPlane, Object.values(ACCOUNTS).flatMap(readDocuments));
}

/** A new token of the account, in a kubeconfig. Returns its path. */
export async function stealToken(controlPlane: ControlPlane, account: Account): Promise<string> {
  const user = `portcullis-${account}`;
  const token = await kubectlOrThrow(controlPlane, ["create", "token", user, "-n", NAMESPACE]);
  return controlPlane.writeKubeconfig({ user, token: token.trim() });
}

/** Returns once each of its policies refuses something. */
export async function raiseGuard(controlPlane: ControlPlane): Promise<void> {
  await apply(controlPlane, readDocuments("guard.yaml"));
  await waitUntil("every policy of the guard refuses", 30_000, async () =>
    (await listGuarding(controlPlane)).every((isGuarding) => isGuarding),
  );
}

/** Returns once none of its policies refuses. */
export async function lowerGuard(controlPlane: ControlPlane): Promise<void> {
  const names = readDocuments("guard.yaml")
    .filter(({ kind }) => kind === "ValidatingAdmissionPolicyBinding")
    .map(({ metadata }) => metadata.name);
  await kubectlOrThrow(controlPlane, ["delete", "validatingadmissionpolicybinding", ...names]);
  await waitUntil("no policy of the guard refuses", 30_000, async () =>
    (await listGuarding(controlPlane)).every((isGuarding) => !isGuarding),
  );
}

/** A request for each policy that only the guard refuses: by an account's name, with admin's rights, as a dry run. */
async function listGuarding(controlPlane: ControlPlane): Promise<readonly boolean[]> {
  const as = ["--as=system:serviceaccount:portcullis:portcullis-probe", "--as-group=system:masters"];
  const dryRun = [...as, "--dry-run=server"];
  const requests = [
    ["portcullis-configurations", "annotate", "validatingwebhookconfiguration", PROBE, "a=b", ...dryRun],
    ["portcullis-deletions", "delete", "validatingwebhookconfiguration", PROBE, ...dryRun],
    ["portcullis-deployment", "create", "deployment", PROBE, "--image=probe", "-n", NAMESPACE, ...dryRun],
    ["portcullis-canary", "annotate", "configmap", "kube-root-ca.crt", "a=b", "-n", NAMESPACE, ...dryRun],
  ];
  const probe = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name: PROBE },
  };
  await apply(controlPlane, [probe]);
  const refusals = requests.map(async ([policy = "", ...args]) =>
    (await controlPlane.kubectl(args)).stderr.includes(`ValidatingAdmissionPolicy '${policy}'`),
  );
  return Promise.all(refusals);
}

const PROBE = "guard-probe";

/** The manifests of the commands; init's is the Deployment. */
const COMMANDS = {
  register: "register-job.yaml",
  rotate: "rotate-cronjob.yaml",
  cleanup: "cleanup-cronjob.yaml",
} as const;

/** Runs a command as its manifest says, with the account's token; `env` is laid over its variables. */
export function startCommand(account: keyof typeof COMMANDS, kubeconfig: string, env: ProgramEnvironment): Program {
  const { spec } = readDocument(COMMANDS[account]);
  const [container] = (spec.jobTemplate?.spec ?? spec).template.spec.containers;
  const variables: Record<string, string> = {};
  // The only field that they take from the downward API.
  for (const { name, value } of container.env) variables[name] = value ?? NAMESPACE;
  return startProgram("init", { ...variables, KUBECONFIG: kubeconfig, ...env }, container.args.slice(1));
}
