/** What is asked of whom. In a scenario all are sent the same bytes, in turns, and the first is what the others are held against. */
import { join } from "node:path";
import { bundleOf } from "../support/program.ts";
import type { Expected } from "./expected.ts";
import { matchingOf, policySet, TEAM } from "./policy-sets.ts";
import { DEPLOYMENT, DEPLOYMENT_WITHOUT_TEAM, largeReview, podReview, uidOf } from "./reviews.ts";
import type { ServerCommand } from "./server-process.ts";
import { type Workbench, writePolicies } from "./workbench.ts";

export interface Contestant {
  readonly name: string;
  readonly server: ServerCommand;
  readonly expected: Expected;
  /** Where its path isn't the scenario's. */
  readonly path?: string;
}

export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly path: string;
  readonly body: Uint8Array;
  readonly connections: number;
  readonly contestants: readonly [Contestant, ...Contestant[]];
}

export const OURS = "portcullis";
export const BARE = "bare node:https";

const CONNECTIONS = 16;
/** Sixteen of the large ones at once would wait for each other most of the time. */
const LARGE_CONNECTIONS = 4;
const LARGE_BYTES = 1.4 * 1024 * 1024;
const CLAIMS = 4;
/** Every review has the uid of the one that it is made of. */
const UID = uidOf(DEPLOYMENT);
const ALLOWED: Expected = { uid: UID, allowed: true };

export type PolicyCount = 1 | 3 | 10 | 100 | 1000;

export function nameOfPolicyCount(count: PolicyCount): string {
  return `${count} ${count === 1 ? "policy" : "policies"}`;
}

export interface ScenarioOptions {
  /** Whether servers run that no target is about. */
  readonly peers: boolean;
  /** The first is what the others are held against. */
  readonly policyCounts: readonly [3, ...PolicyCount[]];
}

export function makeScenarios(bench: Workbench, { peers, policyCounts }: ScenarioOptions): readonly Scenario[] {
  const policies = writePolicies(bench.makeDirectory("policies"), [TEAM], "shipped");
  const pod = podReview(CLAIMS);
  const backedUp = Array.from({ length: CLAIMS }, (_, index) => `data-${index}`).join(",");
  const [fewest, ...more] = policyCounts.map((count) => {
    const directory = writePolicies(bench.makeDirectory(`policies-${count}`), policySet(count), "alone");
    return ours(bench, directory, ALLOWED, nameOfPolicyCount(count));
  });
  if (!fewest) throw new Error("3 policies are in the list");
  return [
    {
      id: "validate",
      title: "a Deployment of 4.7 KB, allowed",
      path: "/validate",
      body: DEPLOYMENT,
      connections: CONNECTIONS,
      contestants: [bare(bench), ...(peers ? peersOf(bench) : []), ours(bench, policies, ALLOWED)],
    },
    {
      id: "refuse",
      title: "the same Deployment without its label team, refused",
      path: "/validate",
      body: DEPLOYMENT_WITHOUT_TEAM,
      connections: CONNECTIONS,
      contestants: [
        bare(bench),
        ...(peers ? pepr(bench, { uid: UID, allowed: false }) : []),
        ours(bench, policies, { uid: UID, allowed: false }),
      ],
    },
    {
      id: "mutate",
      title: `a Pod with ${CLAIMS} claims, patched`,
      path: "/mutate",
      body: pod,
      connections: CONNECTIONS,
      contestants: [bare(bench), ours(bench, policies, { ...ALLOWED, patched: backedUp })],
    },
    {
      id: "large",
      title: "a Deployment of 1.4 MiB, allowed",
      path: "/validate",
      body: largeReview(LARGE_BYTES),
      connections: LARGE_CONNECTIONS,
      contestants: [bare(bench), ours(bench, policies, ALLOWED)],
    },
    {
      id: "policies",
      title: `the Deployment of 4.7 KB, with more and more policies, of which ${matchingOf(1000)} are about it (of 1, that one)`,
      path: "/validate",
      body: DEPLOYMENT,
      connections: CONNECTIONS,
      contestants: [fewest, ...more],
    },
  ];
}

function bare(bench: Workbench): Contestant {
  return { name: BARE, server: { command: [process.execPath, bench.bundle("bare")] }, expected: ALLOWED };
}

function peersOf(bench: Workbench): readonly Contestant[] {
  return [express(bench), ...go(bench), ...pepr(bench, ALLOWED)];
}

function express(bench: Workbench): Contestant {
  const command = [process.execPath, bench.bundle("express")];
  return { name: "express, its JSON parser", server: { command }, expected: ALLOWED };
}

function go({ go: built }: Workbench): readonly Contestant[] {
  return "path" in built ? [{ name: "bare Go net/http", server: { command: [built.path] }, expected: ALLOWED }] : [];
}

function pepr(bench: Workbench, expected: Expected): readonly Contestant[] {
  if (bench.peprDirectory === undefined) return [];
  const env = { PEPR_DIRECTORY: bench.peprDirectory, KUBECONFIG: join(bench.directory, "pepr.kubeconfig") };
  const server = { command: [process.execPath, bench.bundle("pepr")], env };
  return [{ name: "Pepr", server, expected, path: "/validate/bench" }];
}

function ours(bench: Workbench, policyDir: string, expected: Expected, name = OURS): Contestant {
  const profile = bench.profileDirectory ? ["--cpu-prof", `--cpu-prof-dir=${bench.profileDirectory}`] : [];
  const env = { POLICY_DIR: policyDir, LOG_LEVEL: "info" };
  return { name, server: { command: [process.execPath, ...profile, bundleOf("server")], env }, expected };
}
