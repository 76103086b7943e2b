/** Every kustomization by `kubectl apply -k`, one upon the other, with runs of init as its Pod says: what works, what stays. */
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readCertificates } from "../../src/tls/inspect.ts";
import { describeCluster } from "../support/cluster.ts";
import { findFreePort } from "../support/free-port.ts";
import { kubectlOrThrow, waitUntil } from "../support/installation.ts";
import { MANIFESTS, nameOf, OVERLAYS, parseObjects, type Rendered, templateOf } from "../support/kustomize.ts";
import { type Program, startProgram } from "../support/program.ts";
import { waitUntilHealthy } from "../support/wait.ts";

const README = readFileSync(join(MANIFESTS, "README.md"), "utf8");
/** All that is rendered anywhere. */
const KINDS = [
  ...["Namespace", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "ConfigMap", "Secret"],
  ...["Service", "Deployment", "Job", "CronJob", "PodDisruptionBudget", "NetworkPolicy"],
  ...["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"],
].join();
const LABEL = "app.kubernetes.io/name=portcullis";
const CONFIGURATIONS = "mutatingwebhookconfigurations,validatingwebhookconfigurations";
/** Base once more at the end, after all the others. */
const SEQUENCE = [
  "base",
  "keeper",
  "secret",
  ...OVERLAYS.filter((name) => !["keeper", "secret"].includes(name)),
  "base",
];

describeCluster("applied by kubectl,", (controlPlane) => {
  const directory = mkdtempSync(join(tmpdir(), "portcullis-overlays-"));
  const kubectl = (...args: string[]) => kubectlOrThrow(controlPlane(), args);
  const read = async (...args: string[]) => JSON.parse(await kubectl("get", ...args, "-o", "json"));
  const readSecret = async () => (await read("secret", "portcullis-certs", "-n", "portcullis")) as Rendered;
  afterAll(() => rmSync(directory, { recursive: true }));

  describe.each(SEQUENCE.map((name, index) => ({ name, previous: SEQUENCE[index - 1] ?? "nothing" })))(
    "$name after $previous",
    ({ name, previous }) => {
      const path = join(MANIFESTS, name === "base" ? name : `overlays/${name}`);
      let rendered: readonly Rendered[];
      let program: Program | undefined;

      beforeAll(async () => {
        rendered = parseObjects(await kubectl("kustomize", path));
        await kubectl("apply", "-k", path);
        for (const command of [commandOf(`to ${name}`), commandOf(`from ${previous}`)]) {
          if (command.length > 0) await kubectl(...command, "--ignore-not-found");
        }
      });
      afterAll(async () => {
        program?.kill("SIGKILL");
        await program?.exited;
      });

      it("is all there, and nothing else is", async () => {
        const { items } = await read(KINDS, "-n", "portcullis", "-l", LABEL);
        expect([...new Set(items.map(nameOf))].toSorted()).toEqual(rendered.map(nameOf).toSorted());
      });

      it("has Pods that Pod Security restricted admits", async () => {
        const namespace = await read("namespace", "portcullis");
        expect(namespace.metadata.labels["pod-security.kubernetes.io/enforce"]).toBe("restricted");
        const templates = rendered.flatMap((object) => templateOf(object) ?? []);
        for (const { metadata, spec } of templates) {
          const create = (containers: readonly Rendered[]) => {
            const pod = {
              apiVersion: "v1",
              kind: "Pod",
              metadata: { ...metadata, name: "a-pod", namespace: "portcullis" },
            };
            const stdin = JSON.stringify({ ...pod, spec: { ...spec, containers } });
            return controlPlane().kubectl(["create", "--dry-run=server", "-f", "-"], { stdin });
          };
          expect(await create(spec.containers)).toMatchObject({ status: 0, stderr: "" });
          const [first, ...rest] = spec.containers;
          const control = await create([{ ...first, securityContext: {} }, ...rest]);
          expect(control.stderr).toContain('violates PodSecurity "restricted:latest"');
        }
      });

      it("lets init do its work under the account of the Pod, with the guard up", async () => {
        await waitUntil("the guard refuses", 30_000, isGuarding);
        const pod = find(rendered, "Deployment portcullis").spec.template.spec;
        const user: string = pod.serviceAccountName;
        const token = await kubectl("create", "token", user, "-n", "portcullis");
        const keeperPort = String(await findFreePort());
        const certDir = mkdtempSync(join(directory, "certs-"));
        program = startProgram("init", {
          ...variablesOf(pod.initContainers[0]),
          CERT_DIR: certDir,
          POLICY_DIR: writePoliciesOf(rendered),
          KEEPER_PORT: keeperPort,
          CA_SETTLE_MS: "0",
          KUBECONFIG: controlPlane().writeKubeconfig({ user, token: token.trim() }),
        });
        if (name === "keeper") await expectRounds(program, keeperPort);
        else expect(await program.exited, program.stderr()).toEqual({ status: 0, signal: null });
        expect(program.stdout() + program.stderr()).not.toContain("forbidden");

        const ca = readFileSync(join(certDir, "ca.crt"), "utf8");
        const { items } = await read(CONFIGURATIONS);
        expect(items).toHaveLength(2);
        for (const { clientConfig } of items.flatMap(({ webhooks }: Rendered) => webhooks)) {
          const bundle = Buffer.from(clientConfig.caBundle, "base64").toString();
          expect(readCertificates(bundle).certificates.map(({ pem }) => pem)).toContain(ca);
        }
        if (name === "secret") {
          expect(Buffer.from((await readSecret()).data["ca.crt"], "base64").toString()).toBe(ca);
        }
      });

      it("applied again, changes nothing: neither its own objects nor what init has written", async () => {
        const readAll = async () => {
          const { items: ours } = await read(KINDS, "-n", "portcullis", "-l", LABEL);
          const { items: written } = await read(CONFIGURATIONS);
          return [...ours.map(withoutStatus), ...written];
        };
        const before = await readAll();
        await kubectl("apply", "-k", path);
        expect(await readAll()).toEqual(before);
        if (name === "secret") expect(Object.keys((await readSecret()).data)).toHaveLength(3);
        expect(await controlPlane().kubectl(["diff", "-k", path])).toEqual({ status: 0, stdout: "", stderr: "" });
        // Three times each object, by a kubectl that waits for everything.
      }, 180_000);
    },
  );

  it("control: a difference is seen", async () => {
    await kubectl("scale", "deployment", "portcullis", "--replicas=3", "-n", "portcullis");
    const base = join(MANIFESTS, "base");
    expect((await controlPlane().kubectl(["diff", "-k", base])).status).toBe(1);
    expect(await kubectl("apply", "-k", base)).toContain("deployment.apps/portcullis configured");
  }, 180_000);

  async function isGuarding(): Promise<boolean> {
    const probe = { apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingWebhookConfiguration" };
    const as = ["--as=system:serviceaccount:portcullis:portcullis-init", "--as-group=system:masters"];
    const { stderr } = await controlPlane().kubectl(["create", "--dry-run=server", ...as, "-f", "-"], {
      stdin: JSON.stringify({ ...probe, metadata: { name: "guard-probe" } }),
    });
    return stderr.includes("ValidatingAdmissionPolicy 'portcullis-configurations'");
  }

  function writePoliciesOf(objects: readonly Rendered[]): string {
    const policies = mkdtempSync(join(directory, "policies-"));
    for (const [file, text] of Object.entries<string>(find(objects, "ConfigMap portcullis-policies-HASH").data)) {
      writeFileSync(join(policies, file), text);
    }
    return policies;
  }
});

/** The arguments of the command in manifests/README.md that is for this; none where nothing needs doing. */
function commandOf(what: string): readonly string[] {
  const [, command = ""] = new RegExp(`^ {4}kubectl (.*?) +# ${what}(,.*)?$`, "m").exec(README) ?? [];
  return command.split(" ").filter((word) => word !== "");
}

it("the page has the commands that are looked for", () => {
  expect(["to keeper", "to single-node", "from secret"].filter((what) => commandOf(what).length === 0)).toEqual([]);
});

/** As the kubelet does it. */
function variablesOf({ env }: Rendered): Readonly<Record<string, string>> {
  const fields: Readonly<Record<string, string>> = {
    "metadata.name": "portcullis-0",
    "metadata.namespace": "portcullis",
    "metadata.uid": randomUUID(),
  };
  return Object.fromEntries(
    env.map(({ name, value, valueFrom }: Rendered) => [name, value ?? fields[valueFrom.fieldRef.fieldPath]]),
  );
}

/** What controllers write, and what changes with it, is theirs; `generation` tells of any other change. */
function withoutStatus({ status: _, metadata, ...rest }: Rendered): Rendered {
  const { resourceVersion: _version, managedFields: _fields, ...others } = metadata;
  return { ...rest, metadata: others };
}

function find(objects: readonly Rendered[], name: string): Rendered {
  const found = objects.find((object) => nameOf(object) === name);
  if (!found) throw new Error(`no ${name}`);
  return found;
}

/** Until one round after the first has gone well, and then to its end. */
async function expectRounds(keeper: Program, port: string): Promise<void> {
  await waitUntilHealthy(keeper, `http://127.0.0.1:${port}/healthz`);
  await waitUntil("a round of the keeper is done", 20_000, async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    return metrics.includes('portcullis_keeper_rounds_total{result="ok"} ');
  });
  keeper.kill("SIGTERM");
  expect(await keeper.exited).toEqual({ status: 0, signal: null });
}
