import { ERRORS } from "../../../src/errors.ts";
import { code, GENERATED, renderTable } from "./markdown.ts";

export function renderErrors(): string {
  const rows = Object.entries(ERRORS).map(([name, { exitStatus, meaning, remedy }]) => [
    code(name),
    String(exitStatus),
    meaning,
    remedy,
  ]);
  return `# Errors

${GENERATED}

A program that can't go on writes the code and what happened to stderr, the remedy below it, and ends with the exit status
([src/errors.ts](../src/errors.ts)): 2 for settings and policies, 3 for missing permissions, 1 for everything else. What the
codes of a refused object mean is in [rules.md](rules.md).

${renderTable(["code", "exit status", "meaning", "what to do"], rows)}
`;
}
