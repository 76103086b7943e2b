/** The Dockerfile as instructions, for the tests that hold it to what it claims. */
import { readSource } from "./source-files.ts";

export interface Instruction {
  /** In capitals. */
  readonly name: string;
  /** On one line, as it is written. */
  readonly value: string;
}

export interface Stage {
  readonly from: string;
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

export interface Dockerfile {
  /** What stands before the first FROM. */
  readonly preamble: readonly Instruction[];
  readonly stages: readonly Stage[];
}

/** Plain syntax only: neither heredocs nor another escape character. */
export function parseDockerfile(text: string): Dockerfile {
  const instructions = text
    .replace(/^\s*#.*\n/gm, "")
    .replace(/\\\n\s*/g, "")
    .split("\n")
    .flatMap((line) => {
      const [, name = "", value = ""] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
      return name === "" ? [] : [{ name, value }];
    });
  const starts = instructions.flatMap(({ name }, index) => (name === "FROM" ? [index] : []));
  const stages = starts.map((start, index) => {
    const [, from = "", name] = /^(.*?)(?: AS (\S+))?$/.exec(instructions[start]?.value ?? "") ?? [];
    return { from, name, instructions: instructions.slice(start + 1, starts[index + 1]) };
  });
  return { preamble: instructions.slice(0, starts[0]), stages };
}

export const dockerfile = parseDockerfile(readSource("Dockerfile"));

/** The values of one instruction, in one stage. */
export function valuesOf(name: string, { instructions }: Pick<Stage, "instructions">): readonly string[] {
  return instructions.filter((instruction) => instruction.name === name).map(({ value }) => value);
}

/** Which bundles go into the image, by their names in `dist/`. */
export function bundlesInImage(): readonly string[] {
  const final = dockerfile.stages.at(-1);
  const copies = final === undefined ? [] : valuesOf("COPY", final);
  return copies.flatMap((value) => [...value.matchAll(/\/build\/dist\/(\S+)/g)].map(([, file = ""]) => file));
}
