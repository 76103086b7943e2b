/** The figures as tables, for a terminal and for docs/benchmarks.md. */
import { WAYS } from "./api-server-manifests.ts";
import { median, medianRatio } from "./figures.ts";
import type { PartId } from "./options.ts";
import type { Run, ScenarioResult } from "./rounds.ts";
import type { Start, StartUpResult } from "./start-up.ts";
import { type Measured, standingOf, TARGETS } from "./targets.ts";
import type { ThroughApiServer } from "./through-api-server.ts";

export interface Table {
  readonly title: string;
  /** The first column is text, the others are figures. */
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const NOT_MEASURED = "not measured";
const decimals = (count: number) => (value: number) => value.toFixed(count);
const ratio = decimals(2);

interface Column {
  readonly title: string;
  readonly read: (run: Run) => number;
  readonly format: (value: number) => string;
}

const COLUMNS: readonly Column[] = [
  { title: "reviews/s", read: (run) => run.perSecond, format: decimals(0) },
  { title: "p50 ms", read: (run) => run.p50Ms, format: decimals(2) },
  { title: "p99 ms", read: (run) => run.p99Ms, format: decimals(2) },
  { title: "p99.9 ms", read: (run) => run.p999Ms, format: decimals(2) },
  { title: "CPU µs", read: (run) => run.cpuMicrosecondsAnAnswer, format: decimals(0) },
  { title: "MiB", read: (run) => run.residentMib, format: decimals(0) },
  { title: "load's CPU", read: (run) => run.loadCpuShare * 100, format: (value) => `${value.toFixed(0)} %` },
];
const RATIOS: readonly Omit<Column, "format">[] = [
  { title: "throughput", read: (run) => run.perSecond },
  { title: "p99", read: (run) => run.p99Ms },
  { title: "CPU", read: (run) => run.cpuMicrosecondsAnAnswer },
  { title: "memory", read: (run) => run.residentMib },
];

/** Medians of the rounds, and ratios to the first, each within its round. */
export function tableOfScenario({ scenario, runs }: ScenarioResult): Table {
  const baseline = runs.get(scenario.contestants[0].name) ?? [];
  const rows = [...runs].map(([name, own]) => [
    name,
    ...COLUMNS.map(({ read, format }) => format(median(own.map(read)))),
    ...RATIOS.map(({ read }) => ratio(medianRatio(own.map(read), baseline.map(read)))),
  ]);
  const header = ["", ...COLUMNS.map(({ title }) => title), ...RATIOS.map(({ title }) => `× ${title}`)];
  return { title: `${scenario.id}: ${scenario.title}`, header, rows };
}

export function tableOfStartUp(starts: StartUpResult): Table {
  const row = (name: string, own: readonly Start[], baseline: readonly Start[]) => {
    const [ms, mib] = [(start: Start) => start.ms, (start: Start) => start.peakMib];
    const ratios = [ms, mib].map((read) => ratio(medianRatio(own.map(read), baseline.map(read))));
    return [name, median(own.map(ms)).toFixed(0), median(own.map(mib)).toFixed(0), ...ratios];
  };
  const { emptyNode, server, clientAlone, init } = starts;
  return {
    title: "start-up: from the start of the process, and the most memory by then",
    header: ["", "ms", "MiB", "× time", "× memory"],
    rows: [
      row("an empty Node process", emptyNode, emptyNode),
      row("the server, to ready", server, emptyNode),
      row("a process that loads the client, as init does", clientAlone, clientAlone),
      row("init, to its certificates; memory to its end", init, clientAlone),
    ],
  };
}

export function tableOfApiServer({ version, p50Ms, extraP50Ms }: ThroughApiServer): Table {
  const bare = extraP50Ms("bare webhook");
  const rows = WAYS.map((way) => {
    const shared = [way, median(p50Ms(way)).toFixed(2), median(extraP50Ms(way)).toFixed(2)];
    return [...shared, way === "no webhook" ? "" : ratio(medianRatio(extraP50Ms(way), bare))];
  });
  const title = `api-server: dry-run creates of the Deployment on kube-apiserver ${version}`;
  return { title, header: ["", "p50 ms", "extra ms", "× extra of the bare webhook"], rows };
}

/** `parts`: those that were to be measured. */
export function tableOfTargets(measured: Measured, parts: readonly PartId[]): Table {
  const rows = TARGETS.filter(({ part }) => parts.includes(part)).map((target) => {
    const sides = target.measure(measured);
    const bound = `${target.kind === "cost" ? "≤" : "≥"} ${target.target}`;
    if (sides === undefined) return [target.figure, bound, NOT_MEASURED];
    const value = medianRatio(sides.own, sides.baseline);
    const standing = standingOf(target, value);
    return [target.figure, bound, standing === "met" ? ratio(value) : `${ratio(value)} (${standing})`];
  });
  return { title: "targets", header: ["figure", "target", "measured"], rows };
}

export function formatText({ title, header, rows }: Table): string {
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => (row[column] ?? "").length)));
  const lines = [header, ...rows].map((row) => {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    return `  ${cells.join("  ").trimEnd()}\n`;
  });
  return `\n${title}\n${lines.join("")}`;
}

export function formatMarkdown({ title, header, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  const rule = line(header.map((_, column) => (column === 0 ? "---" : "---:")));
  return `**${title}**\n\n${line(header)}${rule}${rows.map(line).join("")}`;
}

const [BEGIN, END] = ["<!-- figures: npm run bench -- --docs -->", "<!-- end of the figures -->"];

/** The page with these tables in the place of those that it has. */
export function replaceFigures(page: string, markdown: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin === -1 || end < begin) throw new Error("the page has no place for figures");
  return `${page.slice(0, begin)}${BEGIN}\n\n${markdown}\n${page.slice(end)}`;
}
