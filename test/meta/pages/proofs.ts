/** Pages that name tests as proofs, and tests whose titles name what they prove. */

export interface QuotedTitle {
  readonly path: string;
  readonly title: string;
}

/** Titles of tests, or parts of them, in quotes: each belongs to the file that was named last, `test/…` in backticks. */
export function quotedTitles(text: string): readonly QuotedTitle[] {
  let path = "";
  return [...text.matchAll(/`(test\/[^`]+)`|"([^"]+)"/g)].flatMap(([, named, title]) => {
    if (named !== undefined) path = named;
    return title === undefined ? [] : [{ path, title }];
  });
}

/** The numbers with which titles of a source begin: F-12 and F-14 of `it("F-12, F-14: is refused", …)`. */
export function provenIn(source: string): ReadonlySet<string> {
  const titles = /(?:\b(?:describe|it|test)\w*(?:\.\w+)*|\))\(\s*["'`]([FG]-\d+(?:, [FG]-\d+)*): /g;
  return new Set([...source.matchAll(titles)].flatMap(([, numbers = ""]) => numbers.split(", ")));
}

/** A row of a table whose first cell is a number. */
export interface Row {
  readonly number: string;
  readonly text: string;
  readonly paths: readonly string[];
}

export function rowsOf(text: string): readonly Row[] {
  return [...text.matchAll(/^\| ([FG]-\d+) \|.*$/gm)].map(([line, number = ""]) => ({
    number,
    text: line,
    paths: [...line.matchAll(/`(test\/[^`]+)`/g)].map(([, path = ""]) => path),
  }));
}

/** What is wrong with rows that are to be one of each, `F-1` to `F-LAST`. */
export function miscounted(rows: readonly Row[], letter: "F" | "G", last: number): readonly string[] {
  const numbers = Array.from({ length: last }, (_, index) => `${letter}-${index + 1}`);
  const count = (wanted: string) => rows.filter(({ number }) => number === wanted).length;
  return [
    ...numbers.filter((number) => count(number) !== 1).map((number) => `${number} is there ${count(number)} times`),
    ...rows.filter(({ number }) => !numbers.includes(number)).map(({ number }) => `${number} is nobody's number`),
  ];
}

/** Numbers of titles by the file that they are in. */
export type Proofs = ReadonlyMap<string, ReadonlySet<string>>;

/** Rows that name no file, or one of which no title begins with their number. */
export function unproven(rows: readonly Row[], proofs: Proofs): readonly string[] {
  return rows.flatMap(({ number, paths }) => {
    if (paths.length === 0) return [`${number} names no test`];
    return paths
      .filter((path) => !proofs.get(path)?.has(number))
      .map((path) => `no title of ${path} begins with ${number}`);
  });
}

/** Numbers of titles that have no row, or one that names none of the files with such titles. */
export function untold(rows: readonly Row[], proofs: Proofs): readonly string[] {
  const told = ({ number, paths }: Row) => paths.some((path) => proofs.get(path)?.has(number));
  const known = new Set(rows.filter(told).map(({ number }) => number));
  return [...proofs].flatMap(([path, numbers]) =>
    [...numbers].filter((number) => !known.has(number)).map((number) => `no row of ${number} names ${path}`),
  );
}
