/** JSON that nobody writes by accident, under the rules that look at a Pod: the decision is the one that it would get without. */
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { AdmissionResponse } from "../../src/admission/types.ts";
import { loadPolicies } from "../../src/policy/load.ts";
import { rules } from "../../src/rules/index.ts";
import { requiredLabels } from "../../src/rules/required-labels/rule.ts";
import { secretEnv } from "../../src/rules/secret-env/rule.ts";
import { policyOf } from "../support/policies.ts";
import { POD, requestOf, reviewOf, UID } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";

const SHIPPED = loadPolicies(fileURLToPath(new URL("../../manifests/policies", import.meta.url)), rules);
const POLICIES = [...SHIPPED, policyOf(secretEnv)];
const server = await serve(POLICIES);
afterAll(() => server.close());
afterEach(async () => {
  server.use({ policies: POLICIES });
  expect(await server.review("/validate", requestOf())).toEqual({ uid: UID, allowed: true });
});

/** Refused for having no labels; with PLACE in places that nobody reads, or where something else is expected. */
const ODD = JSON.stringify(
  reviewOf(
    requestOf({
      extra: "PLACE",
      userInfo: { username: "alice", extra: "PLACE" },
      object: {
        ...POD,
        metadata: { name: "web", managedFields: "PLACE", ownerReferences: [{ kind: "PLACE", controller: "PLACE" }] },
        spec: {
          containers: [{ name: "web", image: "nginx", env: "PLACE", command: "PLACE" }, "PLACE"],
          volumes: [{ name: "PLACE", persistentVolumeClaim: "PLACE" }, "PLACE"],
          securityContext: "PLACE",
        },
        status: "PLACE",
      },
      options: "PLACE",
    }),
  ),
);

function oddWith(value: string): string {
  return ODD.replaceAll('"PLACE"', () => value);
}

async function responseTo(path: string, body: string): Promise<AdmissionResponse> {
  const answer = await server.send(path, { body });
  expect(answer.status).toBe(200);
  return JSON.parse(answer.body).response;
}

const codesOf = ({ status }: AdmissionResponse) => status?.details?.causes.map(({ reason }) => reason);

describe("F-30: a value that is nested", () => {
  it.each([1000, 5000, 10_000])("%i deep, everywhere at once, changes nothing", async (depth) => {
    for (const [open, close] of [
      ["[", "]"],
      ['{"a":', "}"],
    ] as const) {
      const body = oddWith(`${open.repeat(depth)}1${close.repeat(depth)}`);
      expect(codesOf(await responseTo("/validate", body))).toEqual(["LBL-MISSING"]);
      expect((await responseTo("/mutate", body)).allowed).toBe(true);
    }
  });

  it("a million deep changes nothing", async () => {
    const body = ODD.replace('"status":"PLACE"', () => `"status":${"[".repeat(1e6)}${"]".repeat(1e6)}`);
    expect(codesOf(await responseTo("/validate", body))).toEqual(["LBL-MISSING"]);
  });
});

describe("F-38: names of JavaScript's own properties", () => {
  const NAMES = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"];
  const asks = NAMES.map((name) =>
    policyOf(requiredLabels, { params: { labels: [{ anyOf: [asLabel(name)] }] } }, asLabel(name).toLowerCase()),
  );

  /** A key of a label begins and ends with a letter or a digit. */
  function asLabel(name: string): string {
    return name.replaceAll("_", "");
  }

  const bodyOf = (labels: string) => JSON.stringify(reviewOf(requestOf())).replace('{"app":"web"}', () => labels);
  const mapOf = (value: string) => `{${NAMES.map((name) => `"${name}":${value}`).join()}}`;

  it("as labels are missing where nobody set them", async () => {
    server.use({ policies: asks });
    const { status } = await responseTo("/validate", bodyOf('{"app":"web"}'));
    expect(status?.details?.causes.map(({ message }) => /label "(\w+)" is missing/.exec(message)?.[1]).sort()).toEqual(
      NAMES.map(asLabel).sort(),
    );
  });

  it("as labels are there where somebody did", async () => {
    server.use({ policies: asks });
    const labels = mapOf('"x"').replace("{", '{"proto":"x",');
    expect(await responseTo("/validate", bodyOf(labels))).toEqual({ uid: UID, allowed: true });
  });

  it("as fields and annotations are nothing special", async () => {
    const hostile = mapOf('{"labels":{"app":"web"},"polluted":true,"controller":true}');
    const body = oddWith(hostile).replace('"name":"web",', () => `"name":"web","annotations":${mapOf('"x"')},`);
    expect(codesOf(await responseTo("/validate", body))).toEqual(["LBL-MISSING"]);
    expect((await responseTo("/mutate", body)).allowed).toBe(true);
    const inEnvelope = body.replace(
      '{"apiVersion"',
      () => `{"__proto__":{"request":null,"polluted":true},"apiVersion"`,
    );
    expect(codesOf(await responseTo("/validate", inEnvelope))).toEqual(["LBL-MISSING"]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });
});

describe("F-39: of a key that is there twice, the last one counts", () => {
  const GOOD = JSON.stringify(reviewOf(requestOf()));

  it("as the uid", async () => {
    const body = GOOD.replace('"uid":', () => '"uid":"another","uid":');
    expect((await responseTo("/validate", body)).uid).toBe(UID);
  });

  it("as the labels", async () => {
    const twice = (first: string, last: string) => GOOD.replace('{"app":"web"}', () => `${first},"labels":${last}`);
    expect(await responseTo("/validate", twice("{}", '{"app":"web"}'))).toEqual({ uid: UID, allowed: true });
    expect(codesOf(await responseTo("/validate", twice('{"app":"web"}', "{}")))).toEqual(["LBL-MISSING"]);
  });

  it("as one label", async () => {
    const twice = (first: string, last: string) =>
      GOOD.replace('{"app":"web"}', () => `{"app":"${first}","app":"${last}"}`);
    expect((await responseTo("/validate", twice("", "web"))).allowed).toBe(true);
    expect(codesOf(await responseTo("/validate", twice("web", "")))).toEqual(["LBL-MISSING"]);
  });

  it("as an answer that nobody asked for, neither does", async () => {
    const bare = JSON.stringify(reviewOf(requestOf({ object: { ...POD, metadata: {} } })));
    const body = bare.replace(
      '{"apiVersion"',
      () => '{"response":{"allowed":true,"allowed":true},"allowed":true,"apiVersion"',
    );
    expect(codesOf(await responseTo("/validate", body))).toEqual(["LBL-MISSING"]);
  });
});
