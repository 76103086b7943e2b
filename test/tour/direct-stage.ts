import { randomUUID } from "node:crypto";
import { request } from "node:https";
import jsonPatch from "fast-json-patch";
import type { AdmissionReview } from "../../src/admission/types.ts";
import type { JsonPatchOperation } from "../../src/kube/json-patch.ts";
import { isRecord, type KubernetesObject } from "../../src/kube/objects.ts";
import { resourceOf } from "../support/cases.ts";
import { NAMESPACE, type Reply, type Stage } from "./stage.ts";

export interface DirectTarget {
  readonly port: number;
  readonly caPem: string;
  /** The name in the certificate. */
  readonly servername: string;
}

/**
 * The same stories with the API server left out: AdmissionReviews over verified HTTPS, mutation first, its patch applied,
 * then validation, and a memory of what was admitted.
 */
export function createDirectStage(firstTarget: DirectTarget, replacePod: () => Promise<DirectTarget>): Stage {
  let target = firstTarget;
  const stored = new Map<string, KubernetesObject>();

  async function write(object: KubernetesObject, username: string, oldObject?: KubernetesObject): Promise<Reply> {
    const mutation = await call(target, "mutate", review(object, username, oldObject));
    const patches = mutation.patch ? (JSON.parse(atob(mutation.patch)) as JsonPatchOperation[]) : [];
    const mutated: KubernetesObject = jsonPatch.applyPatch(structuredClone(object), patches as never).newDocument;
    const { allowed, status } = await call(target, "validate", review(mutated, username, oldObject));
    if (!allowed) return { verdict: "refused", message: status?.message ?? "" };
    stored.set(keyOf(object.kind, object.metadata?.name), mutated);
    const message = keyOf(object.kind, object.metadata?.name);
    return { verdict: patches.length > 0 ? "corrected" : "admitted", message, object: mutated };
  }

  return {
    mode: "direct",
    create: (object) => write(object, "alice"),
    async patch(kind, name, patch) {
      const old = stored.get(keyOf(kind, name));
      if (!old) throw new Error(`${kind}/${name} has not been created`);
      return await write(mergePatch(old, patch) as KubernetesObject, "alice", old);
    },
    firstPodOf: (statefulSet) =>
      write(makeFirstPod(statefulSet), "system:serviceaccount:kube-system:statefulset-controller"),
    installChart: async () => ({ verdict: "skipped", message: "helm needs an API server" }),
    async restart() {
      const before = target;
      target = await replacePod();
      const told = before.caPem === target.caPem ? "the same CA" : "new CA, new certificate";
      return { verdict: "admitted", message: told };
    },
  };
}

function keyOf(kind: string | undefined, name: string | undefined): string {
  return `${kind?.toLowerCase()}/${name}`;
}

function review(object: KubernetesObject, username: string, oldObject: KubernetesObject | undefined) {
  const [resource = "", group = ""] = resourceOf(object).split(/\.(.*)/s);
  const version = object.apiVersion?.split("/").at(-1) ?? "";
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: randomUUID(),
      kind: { group, version, kind: object.kind },
      resource: { group, version, resource },
      name: object.metadata?.name,
      namespace: NAMESPACE,
      operation: oldObject ? "UPDATE" : "CREATE",
      userInfo: { username },
      object,
      oldObject: oldObject ?? null,
    },
  };
}

function call(target: DirectTarget, phase: "mutate" | "validate", body: object): Promise<AdmissionReview["response"]> {
  const { port, caPem, servername } = target;
  const options = { host: "127.0.0.1", port, ca: caPem, servername, path: `/${phase}`, method: "POST", agent: false };
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...options, headers: { "Content-Type": "application/json" } }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => {
        if (response.statusCode !== 200) return reject(new Error(`status ${response.statusCode}: ${text}`));
        resolve((JSON.parse(text) as AdmissionReview).response);
      });
    });
    outgoing.once("error", reject);
    outgoing.end(JSON.stringify(body));
  });
}

/** RFC 7386, as `kubectl patch --type=merge`. */
function mergePatch(base: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result: Record<string, unknown> = isRecord(base) ? { ...base } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

/** As the StatefulSet controller does: one volume a claim template, by the template's name. */
function makeFirstPod(statefulSet: KubernetesObject): KubernetesObject {
  // biome-ignore lint/suspicious/noExplicitAny: the stories' own StatefulSet
  const spec = statefulSet.spec as any;
  const name = `${statefulSet.metadata?.name}-0`;
  const claims = spec.volumeClaimTemplates.map((template: { metadata: { name: string } }) => ({
    name: template.metadata.name,
    persistentVolumeClaim: { claimName: `${template.metadata.name}-${name}` },
  }));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...spec.template.metadata,
      name,
      namespace: NAMESPACE,
      ownerReferences: [
        {
          apiVersion: "apps/v1",
          kind: "StatefulSet",
          name: statefulSet.metadata?.name ?? "",
          uid: randomUUID(),
          controller: true,
        },
      ],
    },
    spec: { ...spec.template.spec, volumes: [...(spec.template.spec.volumes ?? []), ...claims] },
  };
}
