/** The requests whose marks are looked for: recorded ones, Secrets, what the rules judge, and what is odd. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { isRecord } from "../../src/kube/objects.ts";
import { objects } from "./admissible-objects.ts";
import { type Planted, plantCanaries, withAllFields } from "./canaries.ts";
import { requestFor } from "./request-for.ts";
import { requestOf, UID } from "./reviews.ts";
import { validReviews } from "./valid-reviews.ts";

const RECORDED = new URL("../../../shared/fixtures/admission-reviews/", import.meta.url);
type Request = Readonly<Record<string, unknown>>;

/** None where the project is without its fixtures. */
export const recordedFiles: readonly string[] = existsSync(RECORDED) ? readdirSync(RECORDED).sort() : [];

function secretRequest(index: number): Request {
  const secrets = { group: "", version: "v1", resource: "secrets" };
  const data = { password: "aHVudGVyMg==", [`key-${index}`]: "a2V5" };
  const object = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s", labels: { app: "a" } },
    type: "Opaque",
    data,
  };
  // The rules never ask for Secrets; somebody who registers more than they do, sends them all the same.
  const resource = index % 2 === 0 ? secrets : { ...secrets, resource: "pods" };
  return requestOf({
    resource,
    kind: { ...secrets, kind: "Secret" },
    object: { ...object, stringData: { token: "t" } },
  });
}

/** Always the same ones. */
export function markedRequests(count: number): readonly Planted[] {
  const recorded = recordedFiles.map((name) => JSON.parse(readFileSync(new URL(name, RECORDED), "utf8")).request);
  const secrets = Array.from({ length: 40 }, (_, index) => secretRequest(index));
  const generated = fc.sample(objects, { seed: 1, numRuns: 240 }).map((object) => requestFor(object));
  const odd = fc.sample(validReviews, { seed: 1, numRuns: count }).map(({ request }) => ({ ...request, uid: UID }));
  const all = [...recorded, ...secrets, ...generated, ...odd].slice(0, count);
  return all.map((request) => plantCanaries(withAllFields(request)));
}

/** The same as the creation of a Pod, which every policy looks at. */
export function asCreatedPod(request: Request): Request {
  const pods = { group: "", version: "v1", resource: "pods" };
  const content = isRecord(request.object) ? request.object : request.oldObject;
  const { metadata = {}, ...rest } = content as Readonly<Record<string, unknown>>;
  const { deletionTimestamp: _going, ...staying } = metadata as Readonly<Record<string, unknown>>;
  const annotations = { a: "cnryw1z" };
  const object = { ...rest, metadata: { ...staying, annotations } };
  return { ...request, resource: pods, operation: "CREATE", subResource: "", object, oldObject: null };
}
