/** The bodies that are sent, as an API server sends them: recorded ones, and others that are made of them. */
import { readFileSync } from "node:fs";

/** A review as it is read from a file; what it lacks fails where it is used. */
// biome-ignore lint/suspicious/noExplicitAny: any kind of object
type Review = any;

/** The files are formatted for people; an API server sends no white space. */
function readReview(file: string): Buffer {
  const review: Review = JSON.parse(readFileSync(new URL(`reviews/${file}`, import.meta.url), "utf8"));
  return Buffer.from(JSON.stringify(review));
}

/** A Deployment of 4.7 KB, defaulted, with managedFields and every label that is asked for. */
export const DEPLOYMENT = readReview("deployment-review.json");
/** The same without the label `team`. */
export const DEPLOYMENT_WITHOUT_TEAM = readReview("deployment-review-refused.json");

export function uidOf(body: Buffer): string {
  return JSON.parse(body.toString()).request.uid;
}

/** A Pod of that Deployment with as many claims, each mounted; nothing says yet that they are to be backed up. */
export function podReview(claims: number): Buffer {
  const review: Review = JSON.parse(DEPLOYMENT.toString());
  const { request } = review;
  const { template } = request.object.spec;
  const { managedFields } = request.object.metadata;
  const names = Array.from({ length: claims }, (_, index) => `data-${index}`);
  const [container] = template.spec.containers;
  container.volumeMounts = names.map((name) => ({ name, mountPath: `/var/lib/${name}` }));
  template.spec.volumes = names.map((name) => ({ name, persistentVolumeClaim: { claimName: `claim-of-${name}` } }));
  request.kind = request.requestKind = { group: "", version: "v1", kind: "Pod" };
  request.resource = request.requestResource = { group: "", version: "v1", resource: "pods" };
  request.name = "wordpress-0";
  request.object = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "wordpress-0",
      namespace: request.namespace,
      uid: "",
      creationTimestamp: null,
      labels: template.metadata.labels,
      managedFields,
    },
    spec: template.spec,
    status: {},
  };
  return Buffer.from(JSON.stringify(review));
}

/** That Deployment with so many variables that its review is as long. etcd stores no object of more than 1.5 MiB. */
export function largeReview(bytes: number): Buffer {
  const review: Review = JSON.parse(DEPLOYMENT.toString());
  const [container] = review.request.object.spec.template.spec.containers;
  const value = "x".repeat(24);
  for (let left = bytes - DEPLOYMENT.length, index = container.env.length; left > 0; index++) {
    const variable = { name: `VAR_${index}`, value };
    container.env.push(variable);
    left -= JSON.stringify(variable).length + 1;
  }
  return Buffer.from(JSON.stringify(review));
}
