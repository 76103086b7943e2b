/** Each command under its account, with the guard up: with all its rights it does its work, without any one of them it says which. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Account, applyAccounts, raiseGuard, startCommand, stealToken } from "../support/accounts.ts";
import { describeCluster } from "../support/cluster.ts";
import { describeGrant, GRANTS, type Grant, grantsOf, rolesOf, takeAway } from "../support/grants.ts";
import {
  apply,
  type Installation,
  install,
  kubectlOrThrow,
  readDocument,
  SHIPPED_POLICIES,
  waitUntil,
} from "../support/installation.ts";
import type { Program } from "../support/program.ts";

const BOTH = "mutatingwebhookconfiguration,validatingwebhookconfiguration";
const PROPAGATION_LIMIT_MS = 10_000;

describeCluster("the rights of", (controlPlane) => {
  let installation: Installation;
  const kubectl = (...args: string[]) => kubectlOrThrow(controlPlane(), args);
  const deleteConfigurations = () => kubectl("delete", BOTH, "portcullis", "--ignore-not-found");

  beforeAll(async () => {
    installation = await install(controlPlane(), { env: { CA_SETTLE_MS: "0" } });
    await applyAccounts(controlPlane());
    // No nodes: a rollout of none is complete.
    const deployment = readDocument("deployment.yaml");
    await apply(controlPlane(), [{ ...deployment, spec: { ...deployment.spec, replicas: 0 } }]);
    await raiseGuard(controlPlane());
  });
  afterAll(() => installation?.stop());

  const mayNot = async (account: Account, { verb, resource, name }: Grant) => {
    const target = name === undefined ? resource : `${resource}/${name}`;
    const as = `--as=system:serviceaccount:portcullis:portcullis-${account}`;
    const { stdout } = await controlPlane().kubectl(["auth", "can-i", verb, target, as, "-n", "portcullis"]);
    return stdout.trim() === "no";
  };

  /** Takes the right away for as long as `run` takes. */
  const without = async (account: Account, grant: Grant, run: () => Promise<void>) => {
    const role = rolesOf(account).find((candidate) =>
      grantsOf(candidate).some((other) => describeGrant(other) === describeGrant(grant)),
    );
    if (!role) throw new Error(`portcullis-${account} has no right to ${describeGrant(grant)}`);
    const replace = async (object: object) =>
      kubectlOrThrow(controlPlane(), ["replace", "-f", "-"], JSON.stringify(object));
    await replace(takeAway(role, grant));
    try {
      await waitUntil("the right is gone", PROPAGATION_LIMIT_MS, () => mayNot(account, grant));
      await run();
    } finally {
      await replace(role);
      await waitUntil("the right is back", PROPAGATION_LIMIT_MS, async () => !(await mayNot(account, grant)));
    }
  };

  const expectEnd = async (program: Program, status: number) => {
    const exit = await program.exited;
    expect({ ...exit, stderr: program.stderr() }).toMatchObject({ status });
  };
  const expectRefusal = async (program: Program, grant: Grant) => {
    await expectEnd(program, 3);
    expect(program.stderr()).toContain(`RBAC: forbidden: ${describeGrant(grant)}`);
  };

  describe("portcullis-init:", () => {
    const runInit = () => installation.startInit().init;

    it("with all of them it creates, and merges", async () => {
      await expectEnd(runInit(), 0);
      await expectEnd(runInit(), 0);
    });

    const namesPods = ({ resource }: Grant) => resource === "pods";
    it.each(GRANTS.init.filter((grant) => !namesPods(grant)))("without $verb $resource", async (grant) => {
      const isForCreation = grant.verb === "create" || grant.resource.startsWith("clusterroles");
      if (isForCreation) await deleteConfigurations();
      await without("init", grant, () => expectRefusal(runInit(), grant));
      await expectEnd(runInit(), 0);
    });

    it.each(GRANTS.init.filter(namesPods))("without $verb $resource it says so, and goes on", async (grant) => {
      await without("init", grant, async () => {
        const init = runInit();
        await expectEnd(init, 0);
        expect(init.stdout()).toContain("forbidden: list pods in portcullis");
      });
    });
  });

  describe("portcullis-rotate:", () => {
    let kubeconfig: string;
    beforeAll(async () => {
      kubeconfig = await stealToken(controlPlane(), "rotate");
    });

    it("with all of them it rolls the Deployment", async () => {
      await expectEnd(startCommand("rotate", kubeconfig, {}), 0);
      const annotations = "jsonpath={.spec.template.metadata.annotations}";
      expect(await kubectl("get", "deployment", "portcullis", "-n", "portcullis", "-o", annotations)).toContain(
        "portcullis.dev/rotated-at",
      );
    });

    it.each(GRANTS.rotate)("without $verb $resource", async (grant) => {
      await without("rotate", grant, () => expectRefusal(startCommand("rotate", kubeconfig, {}), grant));
    });
  });

  describe("portcullis-register:", () => {
    let kubeconfig: string;
    beforeAll(async () => {
      kubeconfig = await stealToken(controlPlane(), "register");
      await deleteConfigurations();
      await installation.startPod();
    });

    const runRegister = () =>
      startCommand("register", kubeconfig, {
        POLICY_DIR: SHIPPED_POLICIES,
        WEBHOOK_PORT: String(installation.port),
        REGISTER_DEADLINE_SECONDS: "20",
      });
    /** So that there is something to write. */
    const loseRules = async () => {
      for (const phase of ["mutate", "validate"]) {
        const patch = JSON.stringify({ webhooks: [{ name: `${phase}.portcullis.dev`, rules: [] }] });
        const kind = phase === "mutate" ? "mutatingwebhookconfiguration" : "validatingwebhookconfiguration";
        await kubectl("patch", kind, "portcullis", "--type=strategic", "-p", patch);
      }
    };

    it("with all of them it promotes, and writes rules", async () => {
      await loseRules();
      await expectEnd(runRegister(), 0);
      const webhook = "jsonpath={.webhooks[0]}";
      const written = JSON.parse(await kubectl("get", "validatingwebhookconfiguration", "portcullis", "-o", webhook));
      expect(written).toMatchObject({ name: "validate.portcullis.dev", failurePolicy: "Fail" });
      expect(written.rules.length).toBeGreaterThan(0);
    });

    it.each(GRANTS.register)("without $verb $resource", async (grant) => {
      await loseRules();
      await without("register", grant, () => expectRefusal(runRegister(), grant));
    });
  });

  describe("portcullis-cleanup:", () => {
    let kubeconfig: string;
    beforeAll(async () => {
      kubeconfig = await stealToken(controlPlane(), "cleanup");
      await deleteConfigurations();
      await expectEnd(installation.startInit().init, 0);
    });

    it.each(GRANTS.cleanup)("without $verb $resource", async (grant) => {
      await without("cleanup", grant, () => expectRefusal(startCommand("cleanup", kubeconfig, {}), grant));
      await expectEnd(installation.startInit().init, 0);
    });

    it("with all of them it deletes both", async () => {
      await expectEnd(startCommand("cleanup", kubeconfig, {}), 0);
      expect(await kubectl("get", BOTH, "-o", "name")).not.toContain("/portcullis");
    });
  });
});
