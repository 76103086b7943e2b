/** The pieces of Markdown that the generated pages have in common. What the pages say is in the files beside this one. */

export const GENERATED = "<!-- Made by `node test/meta/generate-docs.ts`; change the source that it names. -->";

export function renderTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, header.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`).join("\n");
}

/** A text that has backticks itself is put between more of them. */
export function code(text: string): string {
  if (!text.includes("`")) return `\`${text}\``;
  return `\`\` ${text} \`\``;
}

export function codeBlock(language: string, text: string): string {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;
}

/** The anchor of a heading that is one word, as GitHub makes it. */
export function linkTo(heading: string): string {
  return `[${code(heading)}](#${heading.toLowerCase()})`;
}
