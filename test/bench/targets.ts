/** What is wanted of the figures. A ratio stands for a target, so that it holds on whatever machine it is measured. */
import type { PartId } from "./options.ts";
import type { Run, ScenarioResult } from "./rounds.ts";
import { BARE, nameOfPolicyCount, OURS } from "./scenarios.ts";
import type { Start, StartUpResult } from "./start-up.ts";
import type { ThroughApiServer } from "./through-api-server.ts";

/** What has been measured; what hasn't is absent. */
export interface Measured {
  readonly scenarios: ReadonlyMap<string, ScenarioResult>;
  readonly startUp?: StartUpResult;
  readonly apiServer?: ThroughApiServer;
}

export interface Target {
  readonly figure: string;
  /** The part of the bench that measures it. */
  readonly part: PartId;
  readonly target: number;
  /** A cost is good when it is at most the target, a yield when it is at least. */
  readonly kind: "cost" | "yield";
  measure(measured: Measured): Sides | undefined;
}

/** A value a round. */
export interface Sides {
  readonly own: readonly number[];
  readonly baseline: readonly number[];
}

export type Standing = "met" | "missed" | "far off";

/** Far off: a cost of more than twice the target, a yield of less than half of it. */
export function standingOf({ target, kind }: Pick<Target, "target" | "kind">, value: number): Standing {
  const excess = kind === "cost" ? value / target : target / value;
  if (excess <= 1) return "met";
  // Not a number is no figure, and no reason to be content.
  return excess <= 2 ? "missed" : "far off";
}

/**
 * Whether the best round is far off that of the baseline: what else the machine does makes a round worse and never better, so the
 * best ones say most where there are few.
 */
export function isFarOff(target: Pick<Target, "target" | "kind">, { own, baseline }: Sides): boolean {
  const best = (values: readonly number[]) => (target.kind === "cost" ? Math.min : Math.max)(...values);
  return standingOf(target, best(own) / best(baseline)) === "far off";
}

const cpu = (run: Run) => run.cpuMicrosecondsAnAnswer;
const throughput = (run: Run) => run.perSecond;
const [few, many] = [nameOfPolicyCount(3), nameOfPolicyCount(1000)];

export const TARGETS: readonly Target[] = [
  cost("CPU a review over bare, validate", 1.2, "validate", cpu),
  yieldOf("throughput over bare, 16 connections, validate", 0.85, "validate", throughput),
  cost("p99 over bare, 16 connections, validate", 1.3, "validate", (run) => run.p99Ms),
  cost("resident memory after the load over bare", 1.3, "validate", (run) => run.residentMib),
  cost("CPU a review over bare, mutate", 1.3, "mutate", cpu),
  yieldOf("throughput over bare, mutate", 0.8, "mutate", throughput),
  yieldOf("throughput over bare, an object of 1.4 MiB", 0.9, "large", throughput),
  yieldOf("throughput with 1,000 policies of which 3 match, over those 3", 0.95, "policies", throughput, many, few),
  startUp("the server's start to ready over an empty Node process", 3, "server", "emptyNode", (start) => start.ms),
  startUp("init's start to its certificates over loading the client", 1.25, "init", "clientAlone", (start) => start.ms),
  startUp("init's peak memory over loading the client", 1.25, "init", "clientAlone", (start) => start.peakMib),
  {
    figure: "extra p50 through the API server over a bare webhook's extra",
    part: "api-server",
    target: 1.15,
    kind: "cost",
    measure: ({ apiServer }) =>
      apiServer && { own: apiServer.extraP50Ms("portcullis"), baseline: apiServer.extraP50Ms("bare webhook") },
  },
];

type Read = (run: Run) => number;

function cost(figure: string, target: number, part: PartId, read: Read): Target {
  return { figure, part, target, kind: "cost", measure: ({ scenarios }) => sidesIn(scenarios.get(part), read) };
}

function yieldOf(figure: string, target: number, part: PartId, read: Read, name = OURS, baseline = BARE): Target {
  const measure = ({ scenarios }: Measured) => sidesIn(scenarios.get(part), read, name, baseline);
  return { figure, part, target, kind: "yield", measure };
}

function startUp(
  figure: string,
  target: number,
  program: keyof StartUpResult,
  baseline: keyof StartUpResult,
  read: (start: Start) => number,
): Target {
  const measure = ({ startUp: starts }: Measured) =>
    starts && { own: starts[program].map(read), baseline: starts[baseline].map(read) };
  return { figure, part: "start-up", target, kind: "cost", measure };
}

function sidesIn(result: ScenarioResult | undefined, read: Read, name = OURS, baseline = BARE): Sides | undefined {
  const [own, theirs] = [result?.runs.get(name), result?.runs.get(baseline)];
  return own && theirs && { own: own.map(read), baseline: theirs.map(read) };
}
