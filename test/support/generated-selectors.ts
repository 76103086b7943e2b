/** Selectors and labels of few keys and values, so that what is selected often hangs on a single one. */
import fc from "fast-check";
import type { LabelSelector, LabelSelectorRequirement } from "../../src/kube/selectors.ts";

const KEYS = ["app", "example.org/tier", "constructor"];
/** As a label may have it; none of them reads as something else in a selector's text. */
const VALUES = ["web", "Web", "1.0_a-b", ""];

const key = fc.constantFrom(...KEYS);
const value = fc.constantFrom(...VALUES);
const values = fc.uniqueArray(value, { minLength: 1 });
const requirement = fc.oneof<fc.Arbitrary<LabelSelectorRequirement>[]>(
  fc.record({ key, operator: fc.constantFrom("In", "NotIn"), values }),
  fc.record({ key, operator: fc.constantFrom("Exists", "DoesNotExist") }),
);
export const selectors: fc.Arbitrary<LabelSelector> = fc.record(
  {
    matchLabels: fc.dictionary(key, value, { maxKeys: 2, noNullPrototype: true }),
    matchExpressions: fc.array(requirement, { maxLength: 3 }),
  },
  { requiredKeys: [] },
);
/** Now and then there is no map at all. */
export const labelMaps = fc.option(fc.dictionary(key, value, { noNullPrototype: true }), { nil: undefined });
