/** What `npm run e2e` proves, in the order in which it runs; which of it the short form has, and how much of each. */

export interface Scenario {
  /** `FILE.test.ts`, beside this one. In order: a file finds what an earlier one has installed, where it asks for the same. */
  readonly file: string;
  /** Whether it is in the form that CI runs. */
  readonly short: boolean;
}

export const SCENARIOS: readonly Scenario[] = [
  { file: "image", short: false },
  { file: "install-kustomize", short: true },
  { file: "pod-security", short: true },
  { file: "stories", short: true },
  { file: "helm-chart", short: false },
  { file: "restarts", short: true },
  { file: "outage", short: false },
  { file: "policies", short: false },
  { file: "restore", short: false },
  { file: "remove-kustomize", short: true },
  { file: "install-chart", short: true },
];

export interface Amounts {
  /** `kubectl rollout restart`, one after the other, in each renewal mode. */
  readonly restarts: number;
  /** Which renewal modes, as kustomizations below `manifests/`. */
  readonly renewals: readonly string[];
  /** Installation on an empty cluster too, besides the busy one. */
  readonly emptyClusters: boolean;
  /** Scaling, deletion by force, drain; besides restarts. */
  readonly disruptions: boolean;
  /** An upgrade of the chart. */
  readonly chartUpgrade: boolean;
  /** A CronJob is waited for until it starts a Job by itself, up to a minute. */
  readonly cronTick: boolean;
  /** Removal in the wrong order too. */
  readonly wrongOrder: boolean;
  /** That the load loses writes where it must. */
  readonly controls: boolean;
}

export const FORMS = {
  short: {
    restarts: 2,
    renewals: ["base"],
    emptyClusters: false,
    disruptions: false,
    chartUpgrade: false,
    cronTick: false,
    wrongOrder: false,
    controls: false,
  },
  long: {
    restarts: 10,
    renewals: ["base", "overlays/keeper", "overlays/secret"],
    emptyClusters: true,
    disruptions: true,
    chartUpgrade: true,
    cronTick: true,
    wrongOrder: true,
    controls: true,
  },
} as const satisfies Readonly<Record<string, Amounts>>;

export type FormName = keyof typeof FORMS;
