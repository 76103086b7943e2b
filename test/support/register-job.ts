/** `init.mjs register` as the Job runs it: under its account, watched by the guard, with the settings that ship. */
import type { ControlPlane } from "./control-plane/start.ts";
import { apply, type Installation, kubectlOrThrow, readDocument, readDocuments } from "./installation.ts";
import { directoryOf } from "./policy-directory.ts";
import { type Program, type ProgramEnvironment, startProgram } from "./program.ts";

/** Policies are YAML documents; `env` is laid over the settings. */
export interface RegisterJob {
  start(policies: readonly string[], env?: ProgramEnvironment): Program;
  /** Its lines for people. Throws when it fails. */
  succeed(policies: readonly string[], env?: ProgramEnvironment): Promise<readonly string[]>;
  /** Its status, and the first line of what it ends with. */
  fail(policies: readonly string[], env?: ProgramEnvironment): Promise<{ status: number | null; reason: string }>;
}

export async function prepareRegister(
  controlPlane: ControlPlane,
  { namespace, port }: Pick<Installation, "namespace" | "port">,
): Promise<RegisterJob> {
  await apply(controlPlane, [...readDocuments("rbac-register.yaml"), ...readDocuments("guard.yaml")]);
  const { serviceAccountName: user, containers } = readDocument("register-job.yaml").spec.template.spec;
  const token = await kubectlOrThrow(controlPlane, ["create", "token", user, "--namespace", namespace]);
  const settings = {
    ...Object.fromEntries(containers[0].env.map(({ name, value = namespace }: Variable) => [name, value])),
    WEBHOOK_PORT: String(port),
    REGISTER_DEADLINE_SECONDS: "20",
    KUBECONFIG: controlPlane.writeKubeconfig({ user, token: token.trim() }),
  };
  const start: RegisterJob["start"] = (policies, env) =>
    startProgram("init", { ...settings, POLICY_DIR: writePolicies(policies), ...env }, ["register"]);
  return {
    start,
    async succeed(policies, env) {
      const job = start(policies, env);
      const { status } = await job.exited;
      if (status !== 0) throw new Error(`register ended with status ${status}: ${job.stderr()}${job.stdout()}`);
      return job
        .stdout()
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("{"));
    },
    async fail(policies, env) {
      const job = start(policies, env);
      const { status } = await job.exited;
      return { status, reason: job.stderr().split("\n")[0] ?? "" };
    },
  };
}

/** The only field that the Job takes from the downward API is its namespace. */
interface Variable {
  readonly name: string;
  readonly value?: string;
}

/** A policy directory, until the end of the test. */
export function writePolicies(policies: readonly string[]): string {
  return directoryOf({ "all.yaml": policies.join("\n---") });
}
