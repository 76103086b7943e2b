import type { Finding, VeleroCode } from "./codes.ts";

/** What word processors and chat programs make of quotes. */
const TYPOGRAPHIC_QUOTE = /[\u2018\u2019\u201c\u201d]/;
const AS_JSON = 'write a JSON array of strings, such as ["/bin/sh", "-c", "COMMAND"]';

/**
 * Why Velero doesn't run this command as it is meant: a text that begins with `[` is read as JSON, and when that fails,
 * as any other text, is the name of one file. The command itself isn't quoted: it may hold a password.
 */
export function faultOfCommand(command: string): (Pick<Finding, "message" | "fix"> & { code: VeleroCode }) | undefined {
  const asFileName = "so Velero takes all of it as the name of one file";
  if (TYPOGRAPHIC_QUOTE.test(command)) {
    return { code: "VEL-HOOK-JSON", message: "the command has typographic quotes", fix: "type straight quotes" };
  }
  if (command.startsWith("[")) {
    if (isArgumentList(command)) return undefined;
    const message = `the command isn't a JSON array of strings, ${asFileName}`;
    return { code: "VEL-HOOK-JSON", message, fix: AS_JSON };
  }
  if (command.trimStart().startsWith("[")) {
    const message = `the command has white space before its [, ${asFileName}`;
    return { code: "VEL-HOOK-JSON", message, fix: "begin with the [" };
  }
  if (!/\s/.test(command)) return undefined;
  return { code: "VEL-HOOK-SHELL", message: "without a shell this is all one file name", fix: AS_JSON };
}

function isArgumentList(command: string): boolean {
  try {
    const list: unknown = JSON.parse(command);
    return Array.isArray(list) && list.length > 0 && list.every((argument) => typeof argument === "string");
  } catch {
    return false;
  }
}
