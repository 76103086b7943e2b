/** Which selectors select nothing at all. That labels are matched as the API server does: test/cluster/selectors.test.ts. */
import { describe, expect, it } from "vitest";
import {
  isSatisfiable,
  type LabelSelector,
  type LabelSelectorRequirement,
  matchesSelector,
} from "../../src/kube/selectors.ts";

const KEYS = ["app", "constructor"];
const VALUES = ["web", "blog", ""];
/** Absent, listed, or a value that no selector here lists. */
const CANDIDATES = [undefined, ...VALUES, "other"];

const LABELS = CANDIDATES.flatMap((first) => CANDIDATES.map((second) => labelsOf([first, second])));
const SUBSETS = Array.from({ length: 2 ** VALUES.length - 1 }, (_, index) => {
  return VALUES.filter((_value, bit) => ((index + 1) >> bit) & 1);
});
const REQUIREMENTS = KEYS.flatMap((key): LabelSelectorRequirement[] => [
  ...SUBSETS.flatMap((values) => (["In", "NotIn"] as const).map((operator) => ({ key, operator, values }))),
  { key, operator: "Exists" },
  { key, operator: "DoesNotExist" },
]);
const MATCH_LABELS = [undefined, ...VALUES].flatMap((first) => {
  return [undefined, ...VALUES].map((second) => labelsOf([first, second]));
});

const SELECTORS: readonly LabelSelector[] = [
  ...upToThreeOf(REQUIREMENTS).map((matchExpressions) => ({ matchExpressions })),
  ...MATCH_LABELS.flatMap((matchLabels) => REQUIREMENTS.map((one) => ({ matchLabels, matchExpressions: [one] }))),
  ...MATCH_LABELS.map((matchLabels) => ({ matchLabels })),
  {},
];

function labelsOf(values: readonly (string | undefined)[]): Readonly<Record<string, string>> {
  return Object.fromEntries(KEYS.flatMap((key, index) => (values[index] === undefined ? [] : [[key, values[index]]])));
}

function upToThreeOf<T>(items: readonly T[]): readonly (readonly T[])[] {
  const ones = items.map((item, index) => ({ list: [item], next: index + 1 }));
  const extend = ({ list, next }: { readonly list: readonly T[]; readonly next: number }) => {
    return items.slice(next).map((item, index) => ({ list: [...list, item], next: next + index + 1 }));
  };
  const twos = ones.flatMap(extend);
  return [...ones, ...twos, ...twos.flatMap(extend)].map(({ list }) => list);
}

function selectsSomething(selector: LabelSelector): boolean {
  return LABELS.some((labels) => matchesSelector(selector, labels));
}

describe("isSatisfiable", () => {
  it("holds of exactly the selectors that select some labels", () => {
    const wrong = SELECTORS.filter((selector) => isSatisfiable(selector) !== selectsSomething(selector));
    expect(wrong).toEqual([]);
  });

  it("control: there are many of both sorts", () => {
    const satisfiable = SELECTORS.filter(selectsSomething).length;
    expect(satisfiable).toBeGreaterThan(1000);
    expect(SELECTORS.length - satisfiable).toBeGreaterThan(1000);
  });
});
