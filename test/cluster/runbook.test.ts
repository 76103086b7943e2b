/**
 * docs/runbook.md, the incidents: each is brought about on a real API server, users see what stands there, and the commands of the page, as they
 * stand there, put it right. There are no nodes: a stand-in runs what the Deployment and the Jobs say.
 */
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { stringify } from "yaml";
import { fencedBlocks } from "../meta/pages/fenced-blocks.ts";
import { readSource } from "../meta/source-files.ts";
import { describeCluster } from "../support/cluster.ts";
import { findAssets } from "../support/control-plane/find-assets.ts";
import { describeThisMachine } from "../support/control-plane/machine.ts";
import { apply, type Installation, install, kubectlOrThrow, readDocument, waitUntil } from "../support/installation.ts";
import { type StandInKubelet, startStandInKubelet } from "../support/stand-in-kubelet.ts";
import { readEntries } from "../support/upgrade.ts";
import { deployment } from "../support/writes.ts";

const MANIFESTS = fileURLToPath(new URL("../../manifests", import.meta.url));
const LIMIT_MS = 30_000;
/** A minute or two of a loaded machine: rollouts, and a Job. */
const INCIDENT = { timeout: 180_000 };
/** A handshake for each call, or an open connection would outlive its certificate. */
const CLOSING = `--import=${new URL("../support/answer-and-close.ts", import.meta.url).href}`;
/** No other step is left out: what needs a kubelet to answer, and not merely to have done something. */
const NEEDS_A_NODE = /^kubectl logs .*\n/gm;

interface Incident {
  /** What kubectl says, a block each. */
  readonly seen: readonly string[];
  readonly commands: readonly string[];
}

const [, incidents = ""] = /^## Incidents$(.*)^## Alerts$/ms.exec(readSource("docs/runbook.md")) ?? [];
const titles = [...incidents.matchAll(/^### (.*)$/gm)].map(([, title]) => title);
const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

function incident(title: string): Incident {
  const start = incidents.indexOf(`### ${title}\n`);
  if (start < 0) throw new Error(`the page has no incident "${title}"`);
  const [section = ""] = incidents.slice(start + 4).split(/^### /m);
  const texts = (language: string) =>
    fencedBlocks(section)
      .filter((block) => block.language === language)
      .map((block) => block.text);
  return { seen: texts("text"), commands: texts("sh").map((command) => command.replaceAll(NEEDS_A_NODE, "")) };
}

describeCluster("docs/runbook.md, incidents", (controlPlane) => {
  let directory: string;
  let installation: Installation;
  let kubelet: StandInKubelet;
  const kubectl = (...args: string[]) => kubectlOrThrow(controlPlane(), args);

  /** In the directory with `manifests/`, as who is on call would paste it. */
  async function paste(command: string): Promise<{ status: unknown; stdout: string; stderr: string }> {
    const assets = findAssets(process.env, describeThisMachine());
    const path = `${assets.found ? assets.path : ""}:${process.env.PATH}`;
    const env = { PATH: path, KUBECONFIG: controlPlane().kubeconfigPath, HOME: directory, LC_ALL: "C" };
    const shell = spawn("bash", ["-o", "pipefail", "-c", command], { cwd: directory, env });
    const ended = new Promise((resolve) => shell.once("close", resolve));
    const [stdout, stderr, status] = await Promise.all([text(shell.stdout), text(shell.stderr), ended]);
    return { status, stdout, stderr };
  }
  async function succeed(command: string | undefined): Promise<string> {
    if (command === undefined) throw new Error("the page has fewer commands");
    const { status, stdout, stderr } = await paste(command);
    expect({ command, status, stderr: status === 0 ? "" : stderr }).toEqual({ command, status: 0, stderr: "" });
    return stdout;
  }
  const write = (file = "web.yaml") => paste(`kubectl create --dry-run=server -f ${file}`);
  const passes = (file?: string) => waitUntil("a write passes", LIMIT_MS, async () => (await write(file)).status === 0);
  const fails = async (as: string | undefined, file?: string): Promise<void> => {
    let told = "";
    const isAsTold = async () => {
      told = mask((await write(file)).stderr);
      return told === mask(as);
    };
    await waitUntil("a write fails as the page says", LIMIT_MS, isAsTold).catch(() => expect(told).toBe(mask(as)));
  };
  const isEnforced = () =>
    waitUntil("an unlabelled one is refused", LIMIT_MS, async () =>
      (await write("bad.yaml")).stderr.includes("denied the request: LBL-MISSING"),
    );
  const failurePolicyOf = async (webhook: string) =>
    await kubectl(
      "get",
      "validatingwebhookconfiguration",
      "portcullis",
      "-o",
      `jsonpath={.webhooks[?(@.name=="${webhook}")].failurePolicy}`,
    );
  const isOpen = async () => (await failurePolicyOf("validate.portcullis.dev")) === "Ignore";
  const reset = async (): Promise<void> => {
    rmSync(join(directory, "manifests"), { recursive: true, force: true });
    cpSync(MANIFESTS, join(directory, "manifests"), { recursive: true });
    // On the address and port on which its one server listens here.
    const service = readDocument("service.yaml");
    service.spec.clusterIP = installation.clusterIp;
    service.spec.ports[0].port = installation.port;
    writeFileSync(join(directory, "manifests/base/service.yaml"), stringify(service));
  };

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "portcullis-runbook-"));
    installation = await install(controlPlane(), { env: { CA_SETTLE_MS: "200", LOG_LEVEL: "info" } });
    await apply(controlPlane(), [{ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } }]);
    const files = { "web.yaml": deployment("web", { app: "web" }), "bad.yaml": deployment("web", {}) };
    for (const [file, object] of Object.entries(files)) {
      writeFileSync(
        join(directory, file),
        stringify({ ...object, metadata: { ...object.metadata, namespace: "shop" } }),
      );
    }
  });
  afterAll(async () => {
    await installation?.stop();
    if (directory) rmSync(directory, { recursive: true, force: true });
  });

  const kinds = "validatingwebhookconfiguration,mutatingwebhookconfiguration";
  /** Each incident leaves behind what it has put right, for the next one. */
  let isWell = false;
  beforeEach(async () => {
    await reset();
    if (!isWell) {
      await kubectl("delete", kinds, "portcullis", "--ignore-not-found");
      await kubectl("delete", "jobs", "-n", installation.namespace, "--all");
      await succeed("kubectl apply -k manifests/base");
    }
    kubelet = startStandInKubelet(controlPlane(), installation);
    await isEnforced();
    await waitUntil("the door is closed", LIMIT_MS, async () => !(await isOpen()));
    await passes();
  }, 90_000);
  afterEach(async ({ task }) => {
    isWell = task.result?.state !== "fail";
    await kubelet?.stop();
  });

  const restartWith = async (env: Readonly<Record<string, string>>) => {
    kubelet.setEnvironment(env);
    await kubectl("rollout", "restart", "-n", installation.namespace, "deployment/portcullis");
    const before = kubelet.pod();
    await waitUntil("there is another Pod", LIMIT_MS, async () => kubelet.pod() !== before);
    kubelet.setEnvironment({});
  };

  it("Certificate expired", INCIDENT, async () => {
    const { seen, commands } = incident("Certificate expired");
    await restartWith({ CERT_VALIDITY: "10s", NODE_OPTIONS: CLOSING });
    await fails(seen[0]);
    const [look, restart] = commands;
    if (hasOpenssl) {
      const looked = await succeed(look);
      expect(looked).toMatch(/^portcullis-rotate +17 3 1 \* \* .*False/m);
      expect(looked).toContain("Not After : ");
    }
    await succeed(restart);
    await passes();
    await isEnforced();
  });

  it("caBundle wiped", INCIDENT, async () => {
    const { seen, commands } = incident("caBundle wiped");
    await succeed(
      "kubectl get validatingwebhookconfiguration portcullis -o yaml | sed /caBundle:/d | kubectl replace -f -",
    );
    await fails(seen[0]);
    await succeed(commands[0]);
    await passes();
    await isEnforced();
  });

  it("Every Pod dead, and the door is opened and closed", INCIDENT, async () => {
    const { seen, commands } = incident("Every Pod dead");
    const [open, close] = incident("Open the door").commands;
    await kubelet.killPod();
    await fails(seen[0]);
    const [look, restart] = commands;
    expect(await succeed(look)).toMatch(/^portcullis-[a-z0-9-]+ +\d\/\d +Running/m);

    await succeed(open);
    await passes();
    await passes("bad.yaml");
    await succeed(restart);
    await isEnforced();
    expect(await isOpen(), "a rollout does not close it").toBe(true);
    await succeed(close);
    expect(await isOpen()).toBe(false);
    expect(await failurePolicyOf("canary.portcullis.dev"), "as it was, not all are closed").toBe("Ignore");
    await kubelet.killPod();
    await fails(seen[0]);
    await succeed(restart);
  });

  it("A policy refuses what it should not", INCIDENT, async () => {
    const { seen, commands } = incident("A policy refuses what it should not");
    const [exception = "", auditOnly, back, away, again] = commands;
    await fails(seen[0], "bad.yaml");
    const policy = /\(policy (\S+)\)/.exec(seen[0] ?? "")?.[1] ?? "";
    const filledIn = (namespace: string) => exception.replace("POLICY", policy).replace("NAMESPACE", namespace);
    expect(filledIn("shop")).not.toBe(exception);

    await succeed(filledIn("elsewhere"));
    const isRead = async () => kubelet.pod()?.server.stdout().includes("new policies are in force") === true;
    await waitUntil("it is read", LIMIT_MS, isRead);
    await fails(seen[0], "bad.yaml");
    await succeed(filledIn("shop"));
    await passes("bad.yaml");
    await succeed(back);
    await isEnforced();

    await succeed(auditOnly);
    await waitUntil("it is a warning", LIMIT_MS, async () => {
      const { status, stderr } = await write("bad.yaml");
      return status === 0 && stderr.includes("Warning: LBL-MISSING");
    });
    await succeed(back);
    await isEnforced();

    await succeed(away);
    await passes("bad.yaml");
    await succeed(again);
    await isEnforced();
    expect(await isOpen()).toBe(false);
  });

  it("Rollback, of Pods that don't start", INCIDENT, async () => {
    const { seen, commands } = incident("Rollback");
    const [undo] = commands;
    await kubectl("set", "image", "-n", installation.namespace, "deployment/portcullis", "server=nowhere");
    const { stderr } = await paste("kubectl rollout status -n portcullis deployment/portcullis --timeout=3s");
    expect(stderr).toBe(seen[0]);
    await isEnforced();
    await succeed(undo);
    await isEnforced();
  });

  it("Rollback, of policies that refuse too much", INCIDENT, async () => {
    const [undo, again] = incident("Rollback").commands;
    const path = join(directory, "manifests/policies/required-labels.yaml");
    const shipped = readFileSync(path, "utf8");
    const shippedEntries = await readEntries(controlPlane());
    writeFileSync(path, `${shipped}---\n${stringify(TOO_MUCH)}`);
    await succeed("kubectl apply -k manifests/base");
    const isRegistered = async () => (await readEntries(controlPlane())).length > shippedEntries.length;
    await waitUntil("an innocent one is refused", LIMIT_MS, async () =>
      (await write()).stderr.includes("(policy too-much)"),
    );

    await succeed(undo);
    await passes();
    await isEnforced();
    expect(await isRegistered(), "control: the webhooks are still of the other policies").toBe(true);
    writeFileSync(path, shipped);
    await succeed(again);
    expect(await isRegistered()).toBe(false);
    await passes();
    await isEnforced();
  });

  // The last: it leaves nothing to begin with.
  it("Removed in the wrong order", INCIDENT, async () => {
    const { seen, commands } = incident("Removed in the wrong order");
    await kubelet.stop();
    await kubectl("delete", "namespace", installation.namespace, "--timeout=60s");
    await fails(seen[0]);
    await succeed(commands[0]);
    await passes();
    expect(await kubectl("get", "clusterroles,validatingadmissionpolicies", "-o", "name")).not.toContain("portcullis");
  });
});

it("every error of the page's table is one that an incident shows, or a test has seen", () => {
  const rows = [...incidents.matchAll(/^\| (`.*) \| \[(.*)\]/gm)].map(([, errors = "", title = ""]) => ({
    errors: [...errors.matchAll(/`([^`]+)`/g)].map(([, error = ""]) => error),
    title,
  }));
  expect(rows.length).toBeGreaterThanOrEqual(6);
  for (const { errors, title } of rows) {
    const { seen } = incident(title);
    // A Pod that is frozen: test/cluster/unreachable.test.ts, F-110.
    for (const error of errors.filter((said) => said !== "context deadline exceeded")) {
      expect(seen.join(), title).toContain(error);
    }
  }
  expect(titles).toEqual(expect.arrayContaining(rows.map(({ title }) => title)));
});

/** Whatever differs from one cluster and one moment to another. */
function mask(told = ""): string {
  return told
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, "TIME")
    .replaceAll('"bad.yaml"', '"web.yaml"')
    .replaceAll(/dial tcp [\d.]+:\d+/g, "dial tcp ADDRESS")
    .replaceAll(/\.svc:\d+/g, ".svc:PORT");
}

const TOO_MUCH = {
  apiVersion: "portcullis.dev/v1alpha1",
  kind: "Policy",
  metadata: { name: "too-much" },
  spec: {
    rule: "required-labels",
    params: { labels: [{ anyOf: ["nobody-has-this"] }] },
    match: {
      resources: ["deployments.apps"],
      // An entry of its own, which register alone adds and takes away.
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "shop" } },
    },
  },
};
