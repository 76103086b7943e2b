/** The files of the project, as the meta tests see them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** With a slash at the end. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** What git doesn't track; .gitignore says the same. */
const UNTRACKED = new Set([".git", "node_modules", "dist", "coverage"]);

/** Paths relative to the root, with `/`, of all files under a folder; `""` is the root. */
export function listFiles(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    // What a link points to is listed where it is.
    if (UNTRACKED.has(entry.name) || entry.isSymbolicLink()) return [];
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    return entry.isDirectory() ? listFiles(path) : [path];
  });
}

export function readSource(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}
