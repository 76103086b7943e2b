/** Whether the answers are right: a server that answers wrongly, however quickly, has no figures. */

export interface Expected {
  readonly uid: string;
  readonly allowed: boolean;
  /** What the JSON Patch must contain; absent: there must be none. */
  readonly patched?: string;
}

/**
 * Answers to the same bytes are the same bytes: each that differs from the last good one is judged in full, so all are held
 * to `expected` at the price of a comparison. `report` gets a sentence for each that is wrong.
 */
export function createAnswerCheck(expected: Expected, report: (problem: string) => void) {
  let good: Buffer | undefined;
  return (isStatus200: boolean, body: Buffer): void => {
    if (isStatus200 && good?.equals(body)) return;
    const problem = isStatus200 ? findProblem(expected, body) : "the status is not 200";
    if (problem === undefined) good = Buffer.from(body);
    else report(problem);
  };
}

function findProblem({ uid, allowed, patched }: Expected, body: Buffer): string | undefined {
  let response: { readonly uid?: unknown; readonly allowed?: unknown; readonly patch?: unknown } | undefined;
  try {
    response = JSON.parse(body.toString())?.response;
  } catch {
    return "the body is not JSON";
  }
  if (response?.uid !== uid) return "the uid is not the request's";
  if (response.allowed !== allowed) return `allowed is not ${allowed}`;
  if (patched === undefined) return response.patch === undefined ? undefined : "there is a patch";
  const patch = Buffer.from(String(response.patch ?? ""), "base64").toString();
  return patch.includes(patched) ? undefined : `the patch does not contain ${patched}`;
}
