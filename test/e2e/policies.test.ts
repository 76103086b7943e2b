/** Policies change under load, and back; a broken one changes nothing. By `kubectl apply -k` and by `helm upgrade`. */
import { beforeAll, describe, expect, it } from "vitest";
import { pathOf } from "../support/api-client.ts";
import { waitUntil } from "../support/wait.ts";
import { expectNoneLost, namespace, whileBusy } from "./support/busy.ts";
import { ensureChart, upgradeChart, upgradeChartOrThrow } from "./support/chart.ts";
import { describeE2e, hasHelm } from "./support/cluster.ts";
import { isEnforcing, LIMIT_MS, waitForRollout } from "./support/enforcing.ts";
import { ensureKustomized } from "./support/installed.ts";
import { writeKustomization } from "./support/kustomize.ts";
import { expectOthers, podNames } from "./support/pods.ts";

const NAMESPACE = "portcullis-e2e-elsewhere";

/** About Services, which no policy that ships is about: so rules change too. */
const TEAM = `apiVersion: portcullis.dev/v1alpha1
kind: Policy
metadata:
  name: services-name-their-team
spec:
  rule: required-labels
  params:
    labels:
      - anyOf: [team]
  match:
    resources: [services]
  validationActions: [Deny]
`;
const BROKEN = TEAM.replace("required-labels", "no-such-rule");

describeE2e("policies", (cluster) => {
  /** Whether a Service that names no team is refused. */
  const isTeamAskedFor = async (): Promise<boolean> => {
    const { status, body } = await cluster().api.send({
      method: "POST",
      path: `${pathOf("services", NAMESPACE)}?dryRun=All`,
      body: { apiVersion: "v1", kind: "Service", metadata: { name: "s" }, spec: { ports: [{ port: 80 }] } },
    });
    return status === 403 && String(body.message).includes("services-name-their-team");
  };
  const waitFor = (asked: boolean) =>
    waitUntil(`a team is ${asked ? "" : "not "}asked for`, LIMIT_MS, async () => (await isTeamAskedFor()) === asked);

  beforeAll(() => cluster().run(["apply", "-f", "-"], JSON.stringify(namespace(NAMESPACE))));

  /** `apply` with a file of policies more, or with none; whether it went well, and what it said. */
  const changes = (way: string, apply: (policies: Readonly<Record<string, string>>) => Promise<Said>) => {
    it("change and are rolled back, and no write fails", async () => {
      const before = await podNames(cluster());
      const work = async () => {
        expect(await apply({ "team.yaml": TEAM })).toMatchObject({ ok: true });
        await waitFor(true);
        await waitForRollout(cluster());
        expect(await apply({})).toMatchObject({ ok: true });
        await waitFor(false);
        await waitForRollout(cluster());
      };
      expectNoneLost(await whileBusy(cluster(), `${way}: a policy more, and back`, work));
      await expectOthers(cluster(), before);
    });

    it("that are broken stop the rollout, and enforcement goes on", async () => {
      const before = await podNames(cluster());
      const work = async () => {
        const { ok, text } = await apply({ "team.yaml": BROKEN });
        expect(ok).toBe(false);
        expect(text).toContain("no-such-rule");
        // Long enough for a rollout that isn't stopped to have replaced a Pod.
        await new Promise((resolve) => setTimeout(resolve, 20_000));
        const now = await podNames(cluster());
        expect(before.filter((name) => !now.includes(name))).toEqual([]);
        expect(await isEnforcing(cluster())).toBe(true);
        expect(await apply({})).toMatchObject({ ok: true });
        await waitForRollout(cluster());
      };
      expectNoneLost(await whileBusy(cluster(), `${way}: a broken policy`, work));
    });
  };

  describe("by kubectl apply -k", () => {
    beforeAll(() => ensureKustomized(cluster(), "base"));
    changes("policies by kustomize", async (policies) => {
      const { status, stderr } = await cluster().kubectl([
        "apply",
        "-k",
        writeKustomization(cluster(), "base", { policies }),
      ]);
      return { ok: status === 0, text: stderr };
    });
  });

  describe.skipIf(!hasHelm)(hasHelm ? "by helm upgrade" : "there is no helm", () => {
    beforeAll(() => ensureChart(cluster()));
    changes("policies by chart", async (policies) => {
      if (Object.keys(policies).length === 0) return { ok: true, text: await upgradeChartOrThrow(cluster()) };
      const { status, stderr } = await upgradeChart(cluster(), { "policies.files": policies });
      return { ok: status === 0, text: stderr };
    });
  });
});

interface Said {
  readonly ok: boolean;
  readonly text: string;
}
