/** What the rule promises of any login and any Namespace, beyond the cases. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import { nsName } from "../../src/rules/namespace-owner/ns-name.ts";
import type { Params } from "../../src/rules/namespace-owner/params.ts";
import { namespaceOwner } from "../../src/rules/namespace-owner/rule.ts";
import { InvalidParams, type JudgedOperation } from "../../src/rules/rule.ts";

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const PARAMS: Params = {
  loginLabel: "portcullis.dev/github-login",
  ownerLabel: "portcullis.dev/owner",
  ownerIdLabel: "portcullis.dev/owner-id",
  namePrefix: "u-",
  reservedNames: ["kube-*", "openshift-*", "default"],
  privilegedUsers: ["root"],
  podSecurity: "privileged",
};

/** Few letters, so that two logins are often nearly the same. */
const piece = fc.string({ unit: fc.constantFrom("a", "B", "1"), minLength: 1, maxLength: 3 });
const githubLogin = fc.array(piece, { minLength: 1, maxLength: 3 }).map((pieces) => pieces.join("-"));
const managedLogin = fc.tuple(githubLogin, piece).map(([name, code]) => `${name}_${code}`);
const oddLogin = fc.string({ unit: fc.constantFrom("a", "B", "-", "_", ".", "["), maxLength: 6 });
const longLogin = fc.string({ unit: fc.constantFrom("a", "b", "-", "_"), minLength: 36, maxLength: 80 });
const login = fc.oneof(githubLogin, managedLogin, oddLogin, longLogin, fc.string(), fc.string({ unit: "binary" }));
const prefix = fc.constantFrom("u-", "x-y-", "user-of-the-cluster-");

describe("nsName", () => {
  it.each([
    ["Octocat", "u-octocat"],
    ["mona_acme", "u-mona--acme"],
    ["mona-acme", "u-mona-acme"],
    ["1", "u-1"],
    ["a".repeat(39), `u-${"a".repeat(39)}`],
    ["a--b", "u-a-b---90827a2e"],
    ["A--B", "u-a-b---90827a2e"],
    ["old-", "u-old---4a973e46"],
    ["dependabot[bot]", "u-dependabot-bot---3aa59729"],
    ["a".repeat(40), `u-${"a".repeat(40)}---e33cdf9c`],
    [`${"a".repeat(38)}_${"b".repeat(30)}`, `u-${"a".repeat(38)}-${"b".repeat(11)}---09026a45`],
    ["", "u----e3b0c442"],
  ])("of %j is %s", (given, wanted) => {
    expect(nsName(given, "u-")).toBe(wanted);
  });

  it("is the same for two logins only if they differ in case alone", () => {
    fc.assert(
      fc.property(login, login, (one, other) => {
        const isSame = one.toLowerCase() === other.toLowerCase();
        expect(nsName(one, "u-") === nsName(other, "u-")).toBe(isSame);
      }),
      { numRuns: 5000 },
    );
  });

  it("is the same for no two of all short logins", () => {
    const characters = ["a", "1", "-", "_", "."];
    const twoEach = (texts: readonly string[]) =>
      texts.flatMap((text) => characters.map((character) => text + character));
    let logins: readonly string[] = [""];
    const names = new Map<string, string>();
    for (let length = 0; length <= 5; length++) {
      for (const text of logins) {
        const name = nsName(text, "u-");
        expect(names.get(name), `${text} and ${names.get(name)}`).toBeUndefined();
        names.set(name, text);
      }
      logins = twoEach(logins);
    }
  });

  it("is a DNS-1123 label with the prefix, of at most 63 characters", () => {
    fc.assert(
      fc.property(login, prefix, (text, start) => {
        const name = nsName(text, start);
        expect(name).toMatch(DNS_LABEL);
        expect(name.startsWith(start)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

const labelValue = fc.oneof(login, fc.constantFrom("", "583231", "0583231", "baseline"));
const labels = fc.record(
  {
    [PARAMS.loginLabel]: labelValue,
    [PARAMS.ownerLabel]: labelValue,
    [PARAMS.ownerIdLabel]: labelValue,
    "pod-security.kubernetes.io/enforce": labelValue,
  },
  { requiredKeys: [] },
);
const name = fc.oneof(login, fc.constantFrom("kube-system", "default", "u-octocat"));
const anyNamespace = fc
  .oneof(fc.record({ metadata: fc.record({ name, labels: fc.oneof(labels, fc.jsonValue()) }) }), fc.jsonValue())
  .map((value) => (typeof value === "object" && value !== null ? value : {}) as KubernetesObject);
const namespaceWithLabels = fc
  .record({ metadata: fc.record({ name, labels }) })
  .map((namespace) => namespace as KubernetesObject);

function judge(
  object: KubernetesObject,
  context: { oldObject?: KubernetesObject; operation?: JudgedOperation; username?: string; params?: Params } = {},
) {
  const { oldObject, username = "alice", params = PARAMS } = context;
  return namespaceOwner.evaluate({
    operation: context.operation ?? (oldObject ? "UPDATE" : "CREATE"),
    object,
    ...(oldObject ? { oldObject } : {}),
    request: { resource: "namespaces", kind: "Namespace", namespace: "", username, trustedController: false },
    now: new Date(0),
    params: namespaceOwner.compile?.(params) ?? expect.unreachable(),
    mutate: false,
  });
}

const codesOf = (...args: Parameters<typeof judge>) => judge(...args).violations.map(({ code }) => code);

describe("namespace-owner, for any object", () => {
  it("answers, in the terms of its table of codes", () => {
    const codes = new Set(namespaceOwner.codes.map(({ code }) => code));
    fc.assert(
      fc.property(anyNamespace, fc.option(anyNamespace, { nil: undefined }), (object, oldObject) => {
        const { violations, patches } = judge(object, oldObject ? { oldObject } : {});
        expect(patches).toEqual([]);
        for (const { code, path, message, fix } of violations) {
          expect(codes).toContain(code);
          expect(path).toMatch(/^\/metadata\/(name|labels\/.+)$/);
          expect(`${message}${fix}`).not.toMatch(/\p{Cc}/u);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("has nothing against an update that changes nothing, beyond what the ratchet lets through", () => {
    fc.assert(
      fc.property(namespaceWithLabels, (object) => {
        const before = judge(object, { operation: "UPDATE" });
        expect(judge(object, { oldObject: structuredClone(object) })).toEqual(before);
        expect(codesOf(object, { operation: "UPDATE" })).not.toContain("NS-RESERVED");
      }),
      { numRuns: 500 },
    );
  });

  it("lets nobody but privileged users and the API server change who owns a namespace", () => {
    fc.assert(
      fc.property(namespaceWithLabels, labels, (oldObject, changed) => {
        const object = { metadata: { ...oldObject.metadata, labels: changed } } as KubernetesObject;
        const before = oldObject.metadata?.labels ?? {};
        const isChanged = [PARAMS.ownerLabel, PARAMS.ownerIdLabel].some((key) => before[key] !== changed[key]);
        const isReserved = /^(kube-.*|openshift-.*|default)$/s.test(oldObject.metadata?.name ?? "");
        expect(codesOf(object, { oldObject }).includes("NS-OWNER-CHANGED")).toBe(isChanged && !isReserved);
        for (const username of ["root", "system:apiserver"]) {
          expect(codesOf(object, { oldObject, username })).not.toContain("NS-OWNER-CHANGED");
        }
      }),
      { numRuns: 500 },
    );
  });

  it("is content with the name that its suggestion says", () => {
    fc.assert(
      fc.property(namespaceWithLabels, (object) => {
        const wanted = /^name it "([-a-z0-9]+)"$/;
        const fix = judge(object).violations.find(({ code }) => code === "NS-NAME")?.fix ?? "";
        const suggested = wanted.exec(fix)?.[1];
        fc.pre(suggested !== undefined);
        const renamed = { metadata: { ...object.metadata, name: suggested } } as KubernetesObject;
        expect(codesOf(renamed)).not.toContain("NS-NAME");
      }),
    );
  });
});

describe("params", () => {
  const problemsOf = (params: Partial<Params>) => {
    try {
      namespaceOwner.compile?.({ ...PARAMS, ...params });
    } catch (error) {
      if (error instanceof InvalidParams) return error.problems;
      throw error;
    }
    return [];
  };

  it("refuse a prefix whose names are all reserved", () => {
    expect(problemsOf({ namePrefix: "kube-" })).toEqual([
      { pointer: "/namePrefix", message: 'names that begin with it are reserved by "kube-*" in reservedNames' },
    ]);
    expect(problemsOf({ namePrefix: "kubes-" })).toEqual([]);
  });
});
