/** `patch` laid over `base`: maps merge, everything else is replaced. */
export function overlay(base: unknown, patch: unknown): unknown {
  if (patch === undefined) return base;
  if (!isMap(base) || !isMap(patch)) return patch;
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(patch)) result[key] = overlay(base[key], value);
  return result;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
