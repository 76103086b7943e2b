/** Figures for the table at the end: the tests write them, main.ts prints them. */
import { appendFileSync, existsSync, readFileSync } from "node:fs";

export interface ReportRow {
  readonly scenario: string;
  readonly figures: string;
}

export function record(reportPath: string, scenario: string, figures: string): void {
  appendFileSync(reportPath, `${JSON.stringify({ scenario, figures } satisfies ReportRow)}\n`);
}

export function readReport(reportPath: string): readonly ReportRow[] {
  if (!existsSync(reportPath)) return [];
  const lines = readFileSync(reportPath, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as ReportRow);
}

export function formatTable(rows: readonly ReportRow[]): string {
  return ["| scenario | figures |", "|---|---|", ...rows.map((row) => `| ${row.scenario} | ${row.figures} |`)].join(
    "\n",
  );
}
