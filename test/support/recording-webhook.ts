/** A webhook server in the test's own process: it allows everything, changed or as it is, and notes what it was asked about. */
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { json } from "node:stream/consumers";
import type { GroupVersionResource, KubernetesObject } from "../../src/kube/objects.ts";
import type { JudgedOperation } from "../../src/rules/rule.ts";
import { issueCertificates } from "../../src/tls/issue.ts";

const HOUR_MS = 60 * 60 * 1000;

/** `request` of an AdmissionReview. */
export interface ReviewedRequest {
  readonly uid: string;
  readonly operation: JudgedOperation;
  readonly resource: GroupVersionResource;
  readonly kind: { readonly kind: string };
  readonly namespace?: string;
  readonly userInfo: { readonly username: string };
  readonly dryRun: boolean;
  readonly object: KubernetesObject;
  readonly oldObject: KubernetesObject | null;
}

export interface RecordingWebhook {
  /** Of the entry whose calls are to be known by `path`. */
  clientConfigOf(path: string): { readonly url: string; readonly caBundle: string };
  requestsOn(path: string): readonly ReviewedRequest[];
  close(): Promise<void>;
}

/** JSON Patch, for a mutating entry; of its path and the request. */
export type Meddling = (path: string, request: ReviewedRequest) => readonly object[];

export async function startRecordingWebhook(meddle: Meddling = () => []): Promise<RecordingWebhook> {
  // Our certificates name a Service; one that is called localhost can be had by URL.
  const { caPem, certPem, keyPem } = issueCertificates({
    names: { service: "localhost", namespace: "default" },
    keyAlgorithm: "ecdsa-p256",
    notBefore: new Date(Date.now() - HOUR_MS),
    notAfter: new Date(Date.now() + HOUR_MS),
  });
  const byPath = new Map<string, ReviewedRequest[]>();
  const server = createServer({ cert: certPem, key: keyPem }, async (incoming, outgoing) => {
    const { request } = (await json(incoming)) as { readonly request: ReviewedRequest };
    // The API server adds `?timeout=30s`.
    const [path = ""] = (incoming.url ?? "").split("?");
    const requests = byPath.get(path) ?? [];
    requests.push(request);
    byPath.set(path, requests);
    const patches = meddle(path, request);
    const patch = Buffer.from(JSON.stringify(patches)).toString("base64");
    const response = {
      uid: request.uid,
      allowed: true,
      ...(patches.length > 0 ? { patchType: "JSONPatch", patch } : {}),
    };
    outgoing.setHeader("Content-Type", "application/json");
    outgoing.end(JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response }));
  });
  // A connection that is closed as the API server takes it up again is a failed call.
  server.keepAliveTimeout = HOUR_MS;
  // With those that the API server keeps for later, which HTTP doesn't know of before their first request.
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    clientConfigOf: (path) => ({
      url: `https://localhost:${port}${path}`,
      caBundle: Buffer.from(caPem).toString("base64"),
    }),
    requestsOn: (path) => byPath.get(path) ?? [],
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}
