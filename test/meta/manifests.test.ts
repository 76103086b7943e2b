/** The Pods of the manifests, as they are written, against what the programs know. What the API server says to them is in test/cluster. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  readCleanupConfig,
  readInitConfig,
  readRegisterConfig,
  readRotateConfig,
  readServerConfig,
} from "../../src/config.ts";
import {
  CLEANUP_SETTINGS,
  INIT_SETTINGS,
  REGISTER_SETTINGS,
  ROTATE_SETTINGS,
  SERVER_SETTINGS,
} from "../../src/settings.ts";
import { readDocument, readDocuments } from "../support/installation.ts";
import { ROOT } from "./source-files.ts";

const TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount";
const server = readDocument("deployment.yaml").spec.template.spec;
const PODS = {
  server,
  register: readDocument("register-job.yaml").spec.template.spec,
  rotate: readDocument("rotate-cronjob.yaml").spec.jobTemplate.spec.template.spec,
  cleanup: readDocument("cleanup-cronjob.yaml").spec.jobTemplate.spec.template.spec,
};
const PROGRAMS = [
  {
    name: "server",
    pod: PODS.server,
    container: server.containers[0],
    schema: SERVER_SETTINGS,
    read: readServerConfig,
  },
  { name: "init", pod: PODS.server, container: server.initContainers[0], schema: INIT_SETTINGS, read: readInitConfig },
  {
    name: "register",
    pod: PODS.register,
    container: PODS.register.containers[0],
    schema: REGISTER_SETTINGS,
    read: readRegisterConfig,
  },
  {
    name: "rotate",
    pod: PODS.rotate,
    container: PODS.rotate.containers[0],
    schema: ROTATE_SETTINGS,
    read: readRotateConfig,
  },
  {
    name: "cleanup",
    pod: PODS.cleanup,
    container: PODS.cleanup.containers[0],
    schema: CLEANUP_SETTINGS,
    read: readCleanupConfig,
  },
];
const JOB_FILES = ["register-job.yaml", "rotate-cronjob.yaml", "cleanup-cronjob.yaml"];
const FIELDS: Readonly<Record<string, string>> = {
  "metadata.namespace": "portcullis",
  "metadata.name": "portcullis-0",
  "metadata.uid": "11111111-1111-1111-1111-111111111111",
};

describe.each(PROGRAMS)("the container of $name", ({ name, pod, container, schema, read }) => {
  const variables: Record<string, string> = Object.fromEntries(
    (container.env ?? []).map(({ name: variable, value, valueFrom }: EnvVar) => [
      variable,
      value ?? FIELDS[valueFrom?.fieldRef.fieldPath ?? ""],
    ]),
  );

  it("sets variables that the program knows, to values that it takes, and all that it needs", () => {
    expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(Object.keys(variables)));
    expect(() => read(variables)).not.toThrow();
  });

  it("runs a file that the Dockerfile puts there", () => {
    const [, workdir, files = ""] =
      /^WORKDIR (\S+)\nCOPY --from=build (.+) \.\/$/m.exec(readRootFile("Dockerfile")) ?? [];
    const paths = files.split(" ").map((file) => file.replace(/^.*\//, `${workdir}/`));
    expect(paths).toContain(container.args[0]);
    expect(container.args.slice(1)).toEqual(name === "server" || name === "init" ? [] : [name]);
  });

  it("mounts volumes that the Pod has, where the program looks", () => {
    const mounts = new Map<string, string>(
      (container.volumeMounts ?? []).map((mount: VolumeMount) => [mount.name, mount.mountPath]),
    );
    expect(pod.volumes.map((volume: { name: string }) => volume.name)).toEqual(
      expect.arrayContaining([...mounts.keys()]),
    );
    const { CERT_DIR, POLICY_DIR } = SERVER_SETTINGS.properties;
    expect(mounts.get("certs")).toBe("CERT_DIR" in schema.properties ? CERT_DIR.default : undefined);
    expect(mounts.get("policies")).toBe("POLICY_DIR" in schema.properties ? POLICY_DIR.default : undefined);
    expect(mounts.get("token")).toBe(name === "server" ? undefined : TOKEN_PATH);
  });

  it("can neither write its root nor become more than it is", () => {
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
  });
});

describe("the Pods", () => {
  it.each(Object.entries(PODS))("%s: the token is in a volume of its own, for ten minutes", (name, pod) => {
    expect(pod.automountServiceAccountToken).toBe(false);
    const token = pod.volumes.find((volume: { name: string }) => volume.name === "token");
    expect(token.projected.sources[0].serviceAccountToken).toEqual({ path: "token", expirationSeconds: 600 });
    expect(pod.serviceAccountName).toBe(`portcullis-${name === "server" ? "init" : name}`);
  });

  it("the server has its ports where the Service, the probes and its settings look for them", () => {
    const [container] = server.containers;
    const ports = Object.fromEntries(container.ports.map((port: ContainerPort) => [port.name, port.containerPort]));
    const { PORT, HEALTH_PORT } = SERVER_SETTINGS.properties;
    expect(ports).toEqual({ webhook: PORT.default, health: HEALTH_PORT.default });
    const [servicePort] = readDocument("service.yaml").spec.ports;
    expect(servicePort).toMatchObject({ port: INIT_SETTINGS.properties.WEBHOOK_PORT.default, targetPort: "webhook" });
    for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"]) {
      expect(container[probe].httpGet.port).toBe("health");
    }
  });

  it("a server makes room for itself where there is none", () => {
    expect(server.priorityClassName).toBe("system-cluster-critical");
  });

  it("the NetworkPolicies let in to the ports that are listened on, and out to an API server's", () => {
    const { PORT, HEALTH_PORT } = SERVER_SETTINGS.properties;
    const { KEEPER_PORT } = INIT_SETTINGS.properties;
    const toPorts = (ports: readonly number[]) => [{ ports: ports.map((port) => ({ port, protocol: "TCP" })) }];
    const policyTypes = ["Ingress", "Egress"];
    const egress = toPorts([443, 6443]);
    const [forServer, forJobs, ...others] = readDocuments("networkpolicy.yaml").map(({ spec }) => spec);
    const ingress = toPorts([PORT.default, HEALTH_PORT.default, KEEPER_PORT.default]);
    expect(forServer).toEqual({ podSelector: expect.anything(), policyTypes, ingress, egress });
    expect(forJobs).toEqual({ podSelector: expect.anything(), policyTypes, egress });
    expect(others).toEqual([]);
  });

  it("each Pod has its NetworkPolicy", () => {
    const [forServer, forJobs] = readDocuments("networkpolicy.yaml").map(({ spec }) => spec.podSelector);
    const { "app.kubernetes.io/component": component, ...common } = forServer.matchLabels;
    expect(component).toBe(labelsOf("deployment.yaml")["app.kubernetes.io/component"]);
    expect(forJobs.matchLabels).toEqual(common);
    const [{ values, ...expression }, ...others] = forJobs.matchExpressions;
    expect([expression, ...others]).toEqual([{ key: "app.kubernetes.io/component", operator: "In" }]);
    const labels = JOB_FILES.map(labelsOf);
    expect(labels).toEqual(values.map((value: string) => ({ ...common, "app.kubernetes.io/component": value })));
  });

  it("the selectors of Service, Deployment, budget and POD_SELECTOR mean the same Pods, and no Job's", () => {
    const labels = readDocument("deployment.yaml").spec.template.metadata.labels;
    expect(readDocument("service.yaml").spec.selector).toEqual(labels);
    expect(readDocument("deployment.yaml").spec.selector.matchLabels).toEqual(labels);
    expect(readDocument("poddisruptionbudget.yaml").spec.selector.matchLabels).toEqual(labels);
    const selector = server.initContainers[0].env.find((variable: EnvVar) => variable.name === "POD_SELECTOR").value;
    expect(selector).toBe(
      Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(","),
    );
    for (const file of JOB_FILES) expect(labelsOf(file)).not.toEqual(labels);
  });
});

interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
}

interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
}

interface ContainerPort {
  readonly name: string;
  readonly containerPort: number;
}

/** Of the Pods. */
function labelsOf(file: string): Readonly<Record<string, string>> {
  const { spec } = readDocument(file);
  return (spec.jobTemplate?.spec ?? spec).template.metadata.labels;
}

function readRootFile(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}
