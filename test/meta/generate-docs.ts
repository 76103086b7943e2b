/**
 * The pages under docs/ that are made from tables in the source, so that they can't say anything else.
 * `node test/meta/generate-docs.ts` writes them; docs.test.ts compares.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ERRORS } from "../../src/errors.ts";
import {
  CLEANUP_SETTINGS,
  INIT_SETTINGS,
  REGISTER_SETTINGS,
  ROTATE_SETTINGS,
  SERVER_SETTINGS,
} from "../../src/settings.ts";
import { ROOT } from "./source-files.ts";

const GENERATED = "<!-- Made by `node test/meta/generate-docs.ts`; change the source that it names. -->";

interface SettingsSchema {
  readonly properties: Readonly<Record<string, SettingSchema>>;
  readonly required: readonly string[];
  /** Variables of which one is enough. */
  readonly anyOf?: readonly { readonly required: readonly string[] }[];
}

interface SettingSchema {
  readonly description: string;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly default?: string | number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Every schema of settings that src/settings.ts exports. */
export const SETTINGS_SECTIONS: readonly (readonly [title: string, settings: SettingsSchema])[] = [
  ["Server: `server.mjs`", SERVER_SETTINGS],
  ["Init container: `init.mjs`", INIT_SETTINGS],
  ["Registration: `init.mjs register`", REGISTER_SETTINGS],
  ["Rotation: `init.mjs rotate`", ROTATE_SETTINGS],
  ["Removal: `init.mjs cleanup`", CLEANUP_SETTINGS],
];

export function renderConfiguration(): string {
  const sections = SETTINGS_SECTIONS.map(([title, settings]) => `## ${title}\n\n${renderSettings(settings)}\n`);
  return `# Configuration

${GENERATED}

All programs take their settings from environment variables alone ([src/settings.ts](../src/settings.ts)). An empty variable counts
as not set. When variables are missing or wrong, a program names all of them in one message and ends with exit status 2
before it does anything else.

${sections.join("\n")}`;
}

function renderSettings({ properties, required, anyOf = [] }: SettingsSchema): string {
  const choice = anyOf.flatMap((branch) => branch.required.map(code)).join(" and ");
  const table = renderTable(
    ["variable", "values", "default", "meaning"],
    Object.entries(properties).map(([name, setting]) => [
      code(name),
      describeValues(setting),
      required.includes(name) ? "required" : setting.default === undefined ? "–" : code(String(setting.default)),
      setting.description,
    ]),
  );
  return choice === "" ? table : `At least one of ${choice} has to be set.\n\n${table}`;
}

function describeValues({ type, enum: choices, minimum, maximum }: SettingSchema): string {
  if (choices) return choices.map(code).join(", ");
  return type === "integer" ? `whole number from ${minimum} to ${maximum}` : "text";
}

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
codes of a refused object mean is in the README of each [rule](../src/rules).

${renderTable(["code", "exit status", "meaning", "what to do"], rows)}
`;
}

function renderTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, header.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`).join("\n");
}

function code(text: string): string {
  return `\`${text}\``;
}

/** What docs/ must hold, by path from the root. */
export const GENERATED_DOCS: Readonly<Record<string, () => string>> = {
  "docs/configuration.md": renderConfiguration,
  "docs/errors.md": renderErrors,
};

if (import.meta.main) {
  for (const [path, render] of Object.entries(GENERATED_DOCS)) writeFileSync(join(ROOT, path), render());
}
