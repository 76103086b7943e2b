/** Whether any key of the map has `part` in it: most objects have none of Velero's, and then there is nothing to look for. */
export function hasKeyWith(part: string, map: Readonly<Record<string, unknown>> = {}): boolean {
  for (const key in map) if (key.includes(part)) return true;
  return false;
}
