import { styleText } from "node:util";
import type { Stage, Verdict } from "./stage.ts";
import type { Story } from "./stories.ts";

/** One story as it went; a row of `--json`. */
export interface Told {
  readonly id: string;
  readonly title: string;
  readonly expected: Verdict;
  readonly verdict: Verdict | "failed";
  readonly message: string;
  /** As expected, or skipped for the reason in `message`. */
  readonly ok: boolean;
  readonly ms: number;
}

export async function tell(story: Story, stage: Stage): Promise<Told> {
  const { id, title, expected } = story;
  const startedAtMs = performance.now();
  const finish = (verdict: Told["verdict"], message: string, ok: boolean): Told => {
    return { id, title, expected, verdict, message, ok, ms: Math.round(performance.now() - startedAtMs) };
  };
  try {
    const { verdict, message } = await story.play(stage);
    const silentAbout = (story.mentions ?? []).filter((text) => !message.includes(text));
    return finish(verdict, message, verdict === "skipped" || (verdict === expected && silentAbout.length === 0));
  } catch (error) {
    return finish("failed", error instanceof Error ? error.message : String(error), false);
  }
}

/** For a terminal: the verdict first, then what it was about, then the words that came back. */
export function formatTold({ id, title, expected, verdict, message, ok }: Told): string {
  const colour = !ok ? "red" : verdict === "skipped" ? "yellow" : "green";
  const mark = ok ? verdict : `${verdict}, not ${expected} as told`;
  const lines = message.split("\n").map((line) => `      ${line}`);
  return [`${styleText(colour, mark.padEnd(9))} ${id.padEnd(3)} ${title}`, styleText("dim", lines.join("\n"))].join(
    "\n",
  );
}
