/** CEL in this process, by a library with the optionals that the API server knows. A real API server gets it in test/cluster. */
import { Environment } from "@marcbachmann/cel-js";

const environment = new Environment({ unlistedVariablesAreDyn: true, enableOptionalTypes: true });

/** Throws where the expression fails, or isn't a condition. */
export function compileCel(expression: string): (object: unknown) => boolean {
  const evaluate = environment.parse(expression);
  return (object) => {
    const result: unknown = evaluate({ object: toMaps(object) });
    if (typeof result !== "boolean") throw new Error(`not a condition: ${expression}`);
    return result;
  };
}

/** Keys are other people's: in a Map `hasOwnProperty` is a key like any other. */
function toMaps(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(toMaps);
  return new Map(Object.entries(value).map(([key, inner]) => [key, toMaps(inner)]));
}
