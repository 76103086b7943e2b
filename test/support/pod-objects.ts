/** The Pods of the replicas as the API knows them: without a node they stay Pending, and init finds them alive. */
import { randomUUID } from "node:crypto";
import { createApiClient } from "./api-client.ts";
import type { ControlPlane } from "./control-plane/start.ts";
import { readDocument } from "./installation.ts";

export interface PodObjects {
  /** Returns its UID. */
  create(): Promise<string>;
  /** As the kubelet does once the containers have ended. */
  remove(uid: string): Promise<void>;
  close(): void;
}

export function createPodObjects(controlPlane: ControlPlane): PodObjects {
  const api = createApiClient(controlPlane);
  const { metadata, spec } = readDocument("deployment.yaml");
  const path = `/api/v1/namespaces/${metadata.namespace}/pods`;
  const names = new Map<string, string>();
  return {
    async create() {
      const name = `${metadata.name}-${randomUUID().slice(0, 8)}`;
      const pod = { ...spec.template, apiVersion: "v1", kind: "Pod", metadata: { ...spec.template.metadata, name } };
      const { status, body } = await api.send({ method: "POST", path, body: pod });
      if (status !== 201) throw new Error(`Pod ${name}: status ${status} ${body.message}`);
      names.set(body.metadata.uid, name);
      return body.metadata.uid;
    },
    async remove(uid) {
      await api.send({ method: "DELETE", path: `${path}/${names.get(uid)}?gracePeriodSeconds=0` });
    },
    close: () => api.close(),
  };
}
