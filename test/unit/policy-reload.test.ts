/** Policies that follow a mounted ConfigMap. How directories are followed at all: reload-follow.test.ts. */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readPolicyFiles } from "../../src/policy/load.ts";
import { followPolicies, type PolicyFollower } from "../../src/policy/reload.ts";
import { type Files, type MountedConfigMap, mountConfigMap } from "../support/mounted-config-map.ts";
import { ruleOf, verdictOf } from "../support/policies.ts";
import { directoryOf } from "../support/policy-directory.ts";

const MINUTE_MS = 60_000;
const onlyPoll = { pollMs: 20, watchDirectory: () => ({ on: () => undefined, close: () => undefined }) };
/** A poll that no test waits for. */
const onlyEvents = { pollMs: 60 * MINUTE_MS, debounceMs: 10 };

let compiled: number;
const RULE = ruleOf(() => verdictOf(), {
  compile(params) {
    compiled++;
    return params;
  },
});

let told: string[];
let stop: (() => void) | undefined;

beforeEach(() => {
  compiled = 0;
  told = [];
});
afterEach(() => stop?.());

function policyText(name: string, lines = ""): string {
  return `apiVersion: portcullis.dev/v1alpha1\nkind: Policy\nmetadata: { name: ${name} }\nspec:\n  rule: made-up\n${lines}`;
}

const FIRST: Files = { "a.yaml": policyText("a"), "b.yaml": policyText("b") };
const SECOND: Files = { "a.yaml": policyText("a"), "c.yaml": policyText("c") };
const BAD: Files = { ...SECOND, "d.yaml": policyText("d", "  failurePolicy: Maybe\n") };
const SAID_OF_BAD = 'POLICIES: a problem DIR/d.yaml:6:18: spec.failurePolicy: must be one of Fail, Ignore, not "Maybe"';

/** What is told: the names of the policies, or the problem. */
function follow(directory: string, parts: Partial<PolicyFollower>): void {
  const say = (line: string) => told.push(line.replaceAll(directory, "DIR").replaceAll(/\s+/g, " "));
  ({ stop } = followPolicies({
    directory,
    rules: [RULE],
    loaded: readPolicyFiles(directory),
    warn: (line) => say(`warning: ${line}`),
    onPolicies: (policies) => say(policies.map(({ name }) => name).join(" ")),
    onProblem: (problem) => say(`POLICIES: ${problem}`),
    ...parts,
  }));
}

async function expectTold(...lines: readonly string[]): Promise<void> {
  await expect.poll(() => told).toEqual(lines);
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 150));
}

describe.each([
  ["by events alone", onlyEvents],
  ["by the poll alone", onlyPoll],
])("followed %s", (_, by) => {
  let mounted: MountedConfigMap;
  beforeEach(() => {
    mounted = mountConfigMap(FIRST);
    follow(mounted.directory, by);
  });

  test("every new set is told once", async () => {
    mounted.swap(SECOND);
    await expectTold("a c");
    mounted.swap(FIRST);
    await expectTold("a c", "a b");
    await settle();
    expect(told).toEqual(["a c", "a b"]);
  });

  test("F-86: a set that can't be used is told once, however often it comes, and then the way back to a good one", async () => {
    mounted.swap(BAD);
    await expectTold(SAID_OF_BAD);
    mounted.swap(BAD);
    await settle();
    mounted.swap({ ...BAD, "e.yaml": "# nothing that changes the problem\n" });
    await settle();
    expect(told).toEqual([SAID_OF_BAD]);
    mounted.swap(FIRST);
    await expectTold(SAID_OF_BAD, "a b");
    mounted.swap(BAD);
    await expectTold(SAID_OF_BAD, "a b", SAID_OF_BAD);
  });

  test("another problem in place of the first is told, too", async () => {
    mounted.swap(BAD);
    await expectTold(SAID_OF_BAD);
    mounted.swap({ "e.yaml": "# nothing\n" });
    await expectTold(SAID_OF_BAD, "POLICIES: DIR holds no policy: no *.yaml file with a Policy in it");
  });

  test("files that are the same as before are not compiled again", async () => {
    mounted.swap(FIRST);
    mounted.swap({ ...FIRST, "README.md": "no policy" });
    await settle();
    expect({ told, compiled }).toEqual({ told: [], compiled: 0 });
    mounted.swap(BAD);
    await expectTold(SAID_OF_BAD);
    const before = compiled;
    mounted.swap(BAD);
    await settle();
    expect(compiled).toBe(before);
  });

  test("nothing is told after stop", async () => {
    mounted.swap(SECOND);
    stop?.();
    await settle();
    expect(told).toEqual([]);
  });
});

test("what changed after the caller read the files is told at once", () => {
  const mounted = mountConfigMap(FIRST);
  const loaded = readPolicyFiles(mounted.directory);
  mounted.swap(SECOND);
  follow(mounted.directory, { ...onlyEvents, loaded });
  expect(told).toEqual(["a c"]);
});

test("what can hardly be meant is told with each set that has it", async () => {
  const mounted = mountConfigMap(FIRST);
  follow(mounted.directory, onlyPoll);
  mounted.swap({ "a.yaml": policyText("a", '  match: { namespaces: { exclude: ["*"] } }\n') });
  await expectTold(expect.stringMatching(/^warning: DIR\/a\.yaml:6:24: spec\.match\.namespaces: /) as string, "a");
});

test("a set that the caller can't take is a problem, and the next one is tried", async () => {
  const mounted = mountConfigMap(FIRST);
  follow(mounted.directory, {
    ...onlyPoll,
    onPolicies(policies) {
      if (policies.length === 2) throw new Error("two are too many");
      told.push(String(policies.length));
    },
  });
  mounted.swap(SECOND);
  await expectTold("POLICIES: two are too many");
  mounted.swap({ "a.yaml": policyText("a") });
  await expectTold("POLICIES: two are too many", "1");
});

test("a directory that goes away is a problem, and over when it is back, with what it held before", async () => {
  const { directory } = mountConfigMap(FIRST);
  follow(directory, onlyPoll);
  renameSync(directory, `${directory}.away`);
  await expectTold("POLICIES: DIR can't be read: ENOENT");
  renameSync(`${directory}.away`, directory);
  await expectTold("POLICIES: DIR can't be read: ENOENT", "a b");
  await settle();
  expect(told).toHaveLength(2);
});

test("a plain directory is followed, too, file by file", async () => {
  const directory = directoryOf(FIRST);
  follow(directory, onlyEvents);
  writeFileSync(join(directory, "c.yaml"), policyText("c"));
  await expectTold("a b c");
  rmSync(join(directory, "a.yaml"));
  await expectTold("a b c", "b c");
});

test("two sets are never mixed: while files are still linked as before, what is read is what ..data points to", () => {
  const mounted = mountConfigMap({ ...FIRST, "old.yaml": policyText("old") });
  mounted.swapData({ "a.yaml": policyText("new"), "c.yaml": policyText("c") });
  // A file beside ..data, of which the kubelet knows nothing.
  writeFileSync(join(mounted.directory, "z.yaml"), policyText("z"));
  expect([...readPolicyFiles(mounted.directory)]).toEqual([
    ["a.yaml", policyText("new")],
    ["c.yaml", policyText("c")],
  ]);
});
