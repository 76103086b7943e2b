/** What the bench is told on its command line. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Pace } from "./rounds.ts";

export const PARTS = ["validate", "refuse", "mutate", "large", "policies", "start-up", "api-server"] as const;
export type PartId = (typeof PARTS)[number];

/** Those whose targets the short form looks at: what it needs, the machine of every CI has. The start is far off in any case: docs/benchmarks.md. */
const SHORT_PARTS: readonly PartId[] = ["validate", "mutate", "large", "policies"];

export const USAGE = `npm run bench -- [OPTION ...]
  --only PART         one of ${PARTS.join(", ")}; may be repeated
  --rounds 3          of each part
  --seconds 4         measured of each server in a round
  --warm-up 8         seconds before them
  --short             about a minute, without peers and API server; status 1 if a ratio is far off its target
  --pepr DIRECTORY    where \`npm install pepr\` was run: Pepr takes part
  --profile DIRECTORY a CPU profile of our server from each of its runs
  --markdown          the tables as Markdown, too
  --docs              the tables into docs/benchmarks.md\n`;

const OPTIONS = {
  only: { type: "string", multiple: true },
  rounds: { type: "string" },
  seconds: { type: "string" },
  "warm-up": { type: "string" },
  short: { type: "boolean", default: false },
  pepr: { type: "string" },
  profile: { type: "string" },
  markdown: { type: "boolean", default: false },
  docs: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

export interface BenchOptions {
  readonly parts: readonly PartId[];
  readonly pace: Pace;
  readonly short: boolean;
  readonly peprDirectory: string | undefined;
  readonly profileDirectory: string | undefined;
  readonly markdown: boolean;
  readonly docs: boolean;
}

/** Long enough for V8 to compile what a server that lives for days has long compiled. */
const PACE: Pace = { rounds: 3, seconds: 4, warmUpSeconds: 8 };
const SHORT_PACE: Pace = { rounds: 1, seconds: 2, warmUpSeconds: 5 };

/** Throws when there is something in them that can't be. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (values.help) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  const { short, docs, markdown, only } = values;
  const unknown = only?.filter((name) => !PARTS.some((part) => part === name)) ?? [];
  if (unknown.length > 0) throw new Error(`no such part: ${unknown.join(", ")}`);
  if (docs && (short || only)) throw new Error("--docs wants all of the figures, without --short and --only");
  const pace = short ? SHORT_PACE : PACE;
  return {
    parts: PARTS.filter((part) => (only ? only.includes(part) : !short || SHORT_PARTS.includes(part))),
    pace: {
      rounds: readNumber("rounds", values.rounds, pace.rounds),
      seconds: readNumber("seconds", values.seconds, pace.seconds),
      warmUpSeconds: readNumber("warm-up", values["warm-up"], pace.warmUpSeconds),
    },
    short,
    docs,
    markdown,
    peprDirectory: values.pepr && resolve(values.pepr),
    profileDirectory: values.profile && resolve(values.profile),
  };
}

function readNumber(name: string, text: string | undefined, byDefault: number): number {
  const number = text === undefined ? byDefault : Number(text);
  if (!(number > 0)) throw new Error(`--${name} wants a number above 0, not ${text}`);
  return number;
}
