/** The fenced blocks of a page, in their order. What a block means is up to the test of the page. */

export interface Block {
  readonly language: string;
  readonly text: string;
  /** The heading of level two that it stands under. */
  readonly section: string;
  /** Of its opening fence in the page. */
  readonly line: number;
}

export function fencedBlocks(markdown: string): readonly Block[] {
  const blocks: Block[] = [];
  let section = "";
  let open: { readonly language: string; readonly line: number; readonly lines: string[] } | undefined;
  markdown.split("\n").forEach((line, index) => {
    if (open) {
      if (line === "```") {
        blocks.push({ language: open.language, section, line: open.line, text: `${open.lines.join("\n")}\n` });
        open = undefined;
      } else open.lines.push(line);
    } else if (line.startsWith("```")) open = { language: line.slice(3), line: index + 1, lines: [] };
    else if (line.startsWith("## ")) section = line.slice(3);
  });
  if (open) throw new Error(`the block that begins in line ${open.line} has no end`);
  return blocks;
}

/** The next block, if it is of this language. */
export function followedBy(blocks: readonly Block[], block: Block, language: string): Block | undefined {
  const next = blocks[blocks.indexOf(block) + 1];
  return next?.language === language ? next : undefined;
}
