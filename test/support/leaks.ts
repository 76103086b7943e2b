/** Where marks have got to that should not be there: in log lines, answers and audit annotations. */
import type { AdmissionResponse } from "../../src/admission/types.ts";
import { sortsIn } from "./canaries.ts";
import { patchesOf } from "./reviews.ts";
import type { Answer } from "./serve.ts";

type Line = Readonly<Record<string, unknown>>;

/** Each log line that says more than it may, and what. */
export function leaksInLog(lines: readonly Line[]): readonly Line[] {
  return lines.filter(({ name, namespace, user, ...rest }) => {
    const isNamed = [name, namespace, user].every((text) => sortsIn(String(text)).every((sort) => sort === "name"));
    return !isNamed || sortsIn(JSON.stringify(rest)).length > 0;
  });
}

export function leaksInResponse(response: AdmissionResponse): readonly string[] {
  const { auditAnnotations = {}, ...rest } = response;
  const told = JSON.stringify([rest, patchesOf(rest)]);
  return [
    ...(sortsIn(told).includes("secret") ? [told] : []),
    ...(sortsIn(JSON.stringify(auditAnnotations)).length > 0 ? [JSON.stringify(auditAnnotations)] : []),
  ];
}

export function leaksInAnswer({ status, headers, body }: Answer): readonly string[] {
  if (status === 200) return leaksInResponse(JSON.parse(body).response);
  const told = JSON.stringify([headers, body]);
  return sortsIn(told).length > 0 ? [told] : [];
}
