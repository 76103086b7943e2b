import {
  CLEANUP_SETTINGS,
  INIT_SETTINGS,
  REGISTER_SETTINGS,
  ROTATE_SETTINGS,
  SERVER_SETTINGS,
} from "../../../src/settings.ts";
import { code, GENERATED, renderTable } from "./markdown.ts";

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
