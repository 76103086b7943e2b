/** What the webhooks' matchCondition keeps from being sent must be what no rule has a verdict on. */
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { rules } from "../../src/rules/index.ts";
import { casesOf } from "../support/cases.ts";

const ajv = new Ajv({ strict: true, strictRequired: false, useDefaults: true });
const OWNER = { apiVersion: "apps/v1", kind: "DaemonSet", name: "cni", uid: "1", controller: true };

const asked = rules.filter((rule) => rule.resources.some(({ resources }) => resources.includes("pods")));

describe.each(asked.map((rule) => [rule.id, rule] as const))("%s on a Pod", (_id, rule) => {
  const validateParams = ajv.compile(rule.paramsSchema);
  const pods = casesOf(rule).filter(({ resource }) => resource === "pods");

  function violationsOf(entry: (typeof pods)[number], trustedController: boolean) {
    const params = structuredClone(entry.params);
    validateParams(params);
    const { operation, namespace, username, now, mutate, object } = entry;
    const owned = { ...object, metadata: { ...object.metadata, ownerReferences: [OWNER] } };
    return rule.evaluate({
      operation,
      object: owned,
      request: { resource: "pods", kind: "Pod", namespace, username, trustedController },
      now,
      params: rule.compile ? rule.compile(params) : params,
      mutate,
    }).violations;
  }

  it.each(pods.map((entry) => [entry.name, entry] as const))(
    "made by a controller has no verdict: %s",
    (_name, entry) => {
      expect(violationsOf(entry, true)).toEqual([]);
    },
  );

  it("with an owner that somebody else wrote has one", () => {
    expect(pods.flatMap((entry) => violationsOf(entry, false))).not.toEqual([]);
  });
});
