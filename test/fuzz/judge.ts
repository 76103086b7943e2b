/** What is wrong with an answer, as one clause; undefined where nothing is. */
import type { Phase } from "../../src/policy/policy.ts";
import { verifyResponse } from "../support/verify-response.ts";
import { contractOf } from "./contract.ts";
import type { BodyCase, FuzzCase, RawCase } from "./fuzz-case.ts";
import { MARK } from "./hostile.ts";
import type { Answer, HttpAnswer } from "./send.ts";

/** A busy machine included; a review of this size takes milliseconds. */
export const SLOW_MS = 5_000;
const MAX_BODY_BYTES = 32 * 1024 * 1024;
/** The words of our own messages that a body may have as well. */
const OWN_WORDS =
  /AdmissionReview|admission\.k8s\.io\/v1|application\/json|Content-(?:Type|Encoding)|CREATE|UPDATE|DELETE|CONNECT|request(?:\.\w+)*|subResource|resource|operation|namespace|username|groups|version/g;
const QUOTED_CHARACTERS = 10;

export function judge(fuzzCase: FuzzCase, answer: Answer, tookMs: number): string | undefined {
  if (answer.kind === "none") return answer.reason;
  if (fuzzCase.kind === "raw") return answer.kind === "bytes" ? judgeBytes(fuzzCase, answer.bytes) : "no bytes";
  if (answer.kind !== "http") return "no HTTP";
  return judgeHttp(fuzzCase, answer) ?? (tookMs > SLOW_MS ? `took ${Math.round(tookMs / 1000)} s` : undefined);
}

function judgeHttp(fuzzCase: BodyCase, answer: HttpAnswer): string | undefined {
  const { status, body } = answer;
  return status === 200
    ? judgeVerdict(fuzzCase, answer)
    : (judgeStatus(fuzzCase, answer) ?? judgeError(fuzzCase, status, body));
}

function judgeVerdict({ path, contentType, bytes }: BodyCase, answer: HttpAnswer): string | undefined {
  if (!isJsonType(contentType)) return "a verdict on a body of another type";
  const contract = contractOf(bytes);
  if (contract.kind === "broken") return "a verdict on a body that breaks the contract";
  const phase: Phase = path.startsWith("/mutate") ? "mutate" : "validate";
  const { uid, object } = contract;
  const problems = verifyResponse({ ...answer, phase, uid, object: metadataOf(object) });
  return problems.length === 0 ? undefined : `a bad response: ${problems.join("; ")}`;
}

/** All that a patch may touch; the rest may be deeper than a copy can go. */
function metadataOf(object: unknown): unknown {
  const metadata = (object as { metadata?: { labels?: unknown; annotations?: unknown } | null } | null | undefined)
    ?.metadata;
  if (metadata === undefined || metadata === null) return object === null || object === undefined ? object : {};
  return { metadata: JSON.parse(JSON.stringify({ labels: metadata.labels, annotations: metadata.annotations })) };
}

function judgeStatus({ path, contentType, bytes }: BodyCase, { status, body }: HttpAnswer): string | undefined {
  const isExpected: Readonly<Record<number, () => boolean>> = {
    400: () => contractOf(bytes).kind !== "kept",
    413: () => bytes.length > MAX_BODY_BYTES,
    415: () => !isJsonType(contentType),
    // Shed, while other cases keep the server busy.
    429: () => true,
    504: () => path.includes("timeout="),
  };
  if (status === 400 && !isExpected[400]?.())
    return `status 400 for a body that keeps the contract: ${body.slice(0, 300)}`;
  return isExpected[status]?.() ? undefined : `status ${status}`;
}

function isJsonType(contentType: string): boolean {
  return /^application\/json(; ?charset=utf-8)?$/i.test(contentType);
}

/** An error is a Status that says nothing of what was sent. */
function judgeError({ bytes }: BodyCase, status: number, body: string): string | undefined {
  let message: unknown;
  try {
    const parsed = JSON.parse(body);
    if (parsed.kind !== "Status" || parsed.code !== status)
      return `status ${status} without a Status: ${body.slice(0, 300)}`;
    message = parsed.message;
  } catch {
    return `status ${status} with a body that is no JSON`;
  }
  if (typeof message !== "string" || message === "") return `status ${status} without a message`;
  const quote = quoteIn(message, bytes);
  return quote === undefined ? undefined : `an error that quotes the body: ${quote}`;
}

function quoteIn(message: string, bytes: Buffer): string | undefined {
  if (message.includes(MARK)) return MARK;
  const own = message.replaceAll(OWN_WORDS, "\0");
  for (let at = 0; at + QUOTED_CHARACTERS <= own.length; at++) {
    const piece = own.slice(at, at + QUOTED_CHARACTERS);
    if (!piece.includes("\0") && bytes.includes(piece)) return piece;
  }
  return undefined;
}

/** Of what comes back to bytes: no crash of a handler, no verdict on something that was not asked, no quote in an error. */
function judgeBytes({ transport, bytes }: RawCase, answer: Buffer): string | undefined {
  const text = answer.toString("latin1");
  // A chunk may end in the middle of a uid.
  const sent = bytes.toString("latin1").replaceAll(/\r\n[0-9a-f]+(?:;[^\r\n]*)?\r\n/gi, "");
  for (const part of text.split(/(?=^HTTP\/1\.1 \d{3} )/m)) {
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(part)?.[1] ?? 0);
    // Raw cases carry queries, too.
    if (status >= 500 && !(status === 504 && bytes.includes("timeout="))) return `status ${status}`;
    if (status >= 400 && part.includes(MARK)) return "an error that quotes the request";
    if (status >= 300 && status < 400) return `status ${status}, which leads elsewhere`;
    if (status !== 200 || transport === "health") continue;
    const uid = /"uid":("(?:[^"\\]|\\.)*")/.exec(part)?.[1];
    if (uid !== undefined && !`${bytes} ${sent}`.includes(JSON.parse(uid)))
      return `a verdict with a uid that was not sent: ${uid}`;
  }
  return undefined;
}
