/** What a live configuration lacks, has too much, and has otherwise than the policies ask for. */
import { isDeepStrictEqual } from "node:util";
import type { LabelSelector, LabelSelectorRequirement } from "../kube/selectors.ts";
import type { LiveConfiguration, LiveWebhook } from "./configuration.ts";
import { type DesiredWebhook, DOMAIN } from "./desired.ts";
import { pendingPromotions } from "./promotion.ts";

export interface ServiceName {
  readonly service: string;
  readonly namespace: string;
}

export type Field = Exclude<keyof DesiredWebhook, "name">;

export interface ChangedEntry {
  readonly live: LiveWebhook;
  readonly wanted: DesiredWebhook;
  /** To be written. Never empty in `changed`. */
  readonly fields: readonly Field[];
}

export interface Difference {
  readonly added: readonly DesiredWebhook[];
  readonly changed: readonly ChangedEntry[];
  readonly dropped: readonly LiveWebhook[];
  /** Where somebody has set a failurePolicy or a timeout: their decision, told and left alone. */
  readonly kept: readonly ChangedEntry[];
  /** Entries of our names that call somebody else: nothing that register may touch. */
  readonly foreign: readonly LiveWebhook[];
}

/** Written once, with a new entry, or with a promotion. */
const LEFT_TO_PEOPLE = ["failurePolicy", "timeoutSeconds"] as const;
type FollowingField = Exclude<Field, (typeof LEFT_TO_PEOPLE)[number]>;

/** When the live value is as good as the wanted one. */
const IS_AS_WANTED: Readonly<Record<FollowingField, (live: never, wanted: never) => boolean>> = {
  clientConfig: (live: LiveWebhook["clientConfig"], wanted: DesiredWebhook["clientConfig"]) =>
    isDeepStrictEqual(live.service, wanted.service),
  rules: isDeepStrictEqual,
  matchPolicy: isDeepStrictEqual,
  // AKS, for one, adds expressions of its own to every configuration, and would again.
  namespaceSelector: selectsAtMost,
  objectSelector: (live: LabelSelector | undefined, wanted: LabelSelector | undefined) =>
    selectsAtMost(live, wanted) && selectsAtMost(wanted, live),
  matchConditions: (live: DesiredWebhook["matchConditions"] = [], wanted: DesiredWebhook["matchConditions"] = []) =>
    isDeepStrictEqual(live, wanted),
  sideEffects: isDeepStrictEqual,
  admissionReviewVersions: isDeepStrictEqual,
  reinvocationPolicy: isDeepStrictEqual,
};
const FOLLOWING_FIELDS = Object.keys(IS_AS_WANTED) as readonly FollowingField[];

export function compareEntries(
  live: LiveConfiguration,
  wanted: readonly DesiredWebhook[],
  serviceName: ServiceName,
): Difference {
  const liveByName = new Map(live.webhooks.map((webhook) => [webhook.name, webhook]));
  const wantedNames = new Set(wanted.map(({ name }) => name));
  const pending = pendingPromotions(live);
  const pairs = wanted.flatMap((entry) => {
    const found = liveByName.get(entry.name);
    return found && callsOurService(found, serviceName) ? [{ live: found, wanted: entry }] : [];
  });
  const entriesWith = (fieldsOf: (pair: Pair) => readonly Field[]) =>
    pairs.map((pair) => ({ ...pair, fields: fieldsOf(pair) })).filter(({ fields }) => fields.length > 0);
  return {
    added: wanted.filter(({ name }) => !liveByName.has(name)),
    changed: entriesWith((pair) => [
      ...FOLLOWING_FIELDS.filter((field) => !isAsWanted(field, pair)),
      ...(pending.has(pair.wanted.name) ? otherThanWanted(pair, ["failurePolicy"]) : []),
    ]),
    dropped: live.webhooks.filter((webhook) => isOurs(webhook, serviceName) && !wantedNames.has(webhook.name)),
    kept: entriesWith((pair) =>
      otherThanWanted(pair, LEFT_TO_PEOPLE).filter(
        (field) => field !== "failurePolicy" || !pending.has(pair.live.name),
      ),
    ),
    foreign: live.webhooks.filter((webhook) => wantedNames.has(webhook.name) && !callsOurService(webhook, serviceName)),
  };
}

/** Of our domain, and calling our Service: an entry that register may drop. */
export function isOurs(webhook: LiveWebhook, serviceName: ServiceName): boolean {
  return webhook.name.endsWith(`.${DOMAIN}`) && callsOurService(webhook, serviceName);
}

function callsOurService({ clientConfig }: LiveWebhook, { service, namespace }: ServiceName): boolean {
  return clientConfig.service?.name === service && clientConfig.service.namespace === namespace;
}

interface Pair {
  readonly live: LiveWebhook;
  readonly wanted: DesiredWebhook;
}

function isAsWanted(field: FollowingField, { live, wanted }: Pair): boolean {
  return IS_AS_WANTED[field](live[field] as never, wanted[field] as never);
}

function otherThanWanted({ live, wanted }: Pair, fields: readonly Field[]): readonly Field[] {
  return fields.filter((field) => live[field] !== wanted[field]);
}

/** Whether `selector` has every requirement of `other`, and perhaps more. Neither order nor a value given twice matters. */
function selectsAtMost(selector: LabelSelector = {}, other: LabelSelector = {}): boolean {
  const required = new Set(requirementsOf(selector));
  return requirementsOf(other).every((requirement) => required.has(requirement));
}

function requirementsOf({ matchLabels = {}, matchExpressions = [] }: LabelSelector): readonly string[] {
  const labels = Object.entries(matchLabels).map(([key, value]) => ({ key, operator: "In", values: [value] }) as const);
  return [...labels, ...matchExpressions].map(({ key, operator, values = [] }: LabelSelectorRequirement) =>
    JSON.stringify([key, operator, ...new Set([...values].sort())]),
  );
}
