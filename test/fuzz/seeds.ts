/** The reviews that mutation begins with: recorded ones, the cases of every rule, generated ones, and policies in ConfigMaps. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { POLICIES_LABEL } from "../../src/policy/policy.ts";
import { rules } from "../../src/rules/index.ts";
import { objects, updates } from "../support/admissible-objects.ts";
import { casesOf } from "../support/cases.ts";
import { requestFor } from "../support/request-for.ts";
import { requestOfCase } from "../support/request-of-case.ts";
import { requestOf, reviewOf } from "../support/reviews.ts";

const RECORDED = new URL("../../../shared/fixtures/admission-reviews/", import.meta.url);
const POLICIES = new URL("../../manifests/policies/", import.meta.url);
const GENERATED = 150;

export interface Seed {
  /** The path that it is for; a case may be sent elsewhere. */
  readonly path: string;
  /** Of the review, as JSON. */
  readonly text: string;
}

/** By where they are from: a source of a few is used as often as one of hundreds. */
export type Seeds = readonly (readonly Seed[])[];

/** In an order that depends on nothing, so that a seed and a number make the same case again. */
export function readSeeds(): Seeds {
  const sources = [recordedSeeds(), caseSeeds(), generatedSeeds(), policySeeds(), oddSeeds()];
  return sources.filter((seeds) => seeds.length > 0);
}

/** None where the project is without its fixtures. */
export function recordedSeeds(): readonly Seed[] {
  if (!existsSync(RECORDED)) return [];
  return readdirSync(RECORDED)
    .sort()
    .map((name) => ({
      path: name.includes("_mutate_") ? "/mutate" : "/validate",
      text: readFileSync(new URL(name, RECORDED), "utf8"),
    }));
}

function seedOf(path: string, request: unknown): Seed {
  return { path, text: JSON.stringify(reviewOf(request)) };
}

/** The last path is of an entry that nobody knows: it is judged by the policies of all entries. */
function inBothPhases(request: unknown): readonly Seed[] {
  return ["/mutate", "/validate", "/validate/0badc0de"].map((path) => seedOf(path, request));
}

function caseSeeds(): readonly Seed[] {
  return rules.flatMap((rule) => casesOf(rule).flatMap((entry) => inBothPhases(requestOfCase(entry, entry.object))));
}

function generatedSeeds(): readonly Seed[] {
  const created = fc.sample(objects, { seed: 1, numRuns: GENERATED });
  const updated = fc.sample(updates, { seed: 1, numRuns: GENERATED });
  return [
    ...created.map((object) => requestFor(object)),
    ...updated.map(({ before, changed }) => requestFor(changed(before), before)),
  ].flatMap(inBothPhases);
}

const CONFIG_MAPS = { resource: { group: "", version: "v1", resource: "configmaps" } };

function policySeeds(): readonly Seed[] {
  const files = (folder: URL) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(".yaml"))
      .map((name) => [name, readFileSync(new URL(name, folder), "utf8")] as const);
  const texts = [...files(POLICIES), ...files(new URL("optional/", POLICIES))];
  const metadata = { name: "policies", labels: { [POLICIES_LABEL]: "true" } };
  return [...texts.map((text) => [text]), texts].map((chosen) => {
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata, data: Object.fromEntries(chosen) };
    return seedOf("/validate/policies", requestOf({ ...CONFIG_MAPS, object }));
  });
}

function oddSeeds(): readonly Seed[] {
  const pod = requestOf().object;
  return [
    { operation: "DELETE", object: null, oldObject: pod },
    { operation: "CONNECT", subResource: "exec", object: { kind: "PodExecOptions", command: ["sh"] } },
    { subResource: "eviction", object: { kind: "Eviction" } },
    { operation: "UPDATE", subResource: "status", oldObject: pod },
    { ...CONFIG_MAPS, object: { kind: "Secret", data: { password: "aHVudGVyMg==" } } },
  ].flatMap((parts) => inBothPhases(requestOf(parts)));
}
