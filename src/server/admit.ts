import type { IncomingMessage, ServerResponse } from "node:http";
import { DecodeError } from "../admission/decode.ts";
import { DeadlineExceeded } from "../admission/evaluate.ts";
import { review } from "../admission/review.ts";
import type { Call, Recorder } from "../admission/types.ts";
import { DEFAULT_ENTRY, type Phase } from "../policy/policy.ts";
import type { PolicyIndex } from "../policy/policy-index.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { CallError, Metrics } from "../telemetry/metrics.ts";
import { DEFAULT_DEADLINE_MS, DISCARD_MS, MAX_BODY_BYTES } from "./limits.ts";
import { readBody } from "./read-body.ts";

export interface AdmissionContext {
  /** The policies of the moment; a request keeps those that it began with. */
  readonly policies: () => PolicyIndex;
  readonly recorder: Recorder;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Wall clock, for rules about dates. */
  readonly now: () => Date;
  /** Once true, every answer asks for its connection to be closed. */
  readonly isDraining: () => boolean;
}

/** `/mutate`, `/validate`, each alone or with an entry: one segment as desired.ts makes them. */
const ADMISSION_PATH = /^\/(mutate|validate)(?:\/([a-z0-9-]{1,63}))?$/;

export interface AdmissionPath {
  readonly phase: Phase;
  readonly entry: string;
  readonly query: string;
}

export function parseAdmissionPath(url: string): AdmissionPath | undefined {
  const [path = "", query = ""] = url.split("?", 2);
  const [, phase, entry = DEFAULT_ENTRY] = ADMISSION_PATH.exec(path) ?? [];
  return phase === "mutate" || phase === "validate" ? { phase, entry, query } : undefined;
}

/** Answers one review. Status 200 only for a verdict: with any other, failurePolicy decides, as the policy chose. */
export async function admit(
  context: AdmissionContext,
  { phase, entry, query }: AdmissionPath,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const receivedAtMs = performance.now();
  const policies = context.policies();
  const deadlineMs = receivedAtMs + timeoutMs(query);
  const fail = (status: number, error: CallError, message: string): void => {
    context.metrics.failed(phase, error);
    if (request.complete) send(response, status, statusJson(status, message), context.isDraining());
    else sendBeforeEnd(request, response, status, statusJson(status, message));
  };
  const body = await readBody(request);
  if (body.kind === "aborted") return context.metrics.failed(phase, "aborted");
  if (body.kind === "oversize") return fail(413, "oversize", `the body is larger than ${MAX_BODY_BYTES} bytes`);
  if (body.kind === "media-type") return fail(415, "media-type", body.message);
  const call: Call = {
    phase,
    entry,
    now: context.now(),
    receivedAtMs,
    isPastDeadline: () => performance.now() > deadlineMs,
  };
  try {
    if (call.isPastDeadline()) throw new DeadlineExceeded();
    const answer = review(call, body.bytes, policies, context.recorder);
    send(response, 200, JSON.stringify(answer), context.isDraining());
  } catch (error) {
    if (error instanceof DecodeError) return fail(400, error.reason, error.message);
    if (error instanceof DeadlineExceeded) return fail(504, "deadline", error.message);
    // The stack names our code; the message might quote the object.
    context.logger.error({ phase, entry, stack: stackOf(error) }, "a rule failed: this is a bug");
    fail(500, "internal", "internal error; the server's log has the details");
  }
}

/** The API server's `?timeout=` is a Go duration such as `5s` or `2.5s`; anything else counts as not given. */
function timeoutMs(query: string): number {
  const match = /^(\d{1,3}(?:\.\d{1,9})?)(ms|s)$/.exec(new URLSearchParams(query).get("timeout") ?? "");
  if (!match) return DEFAULT_DEADLINE_MS;
  return Math.min(Number(match[1]) * (match[2] === "s" ? 1000 : 1), DEFAULT_DEADLINE_MS * 3);
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return "thrown value is not an Error";
  const frames = (error.stack ?? "").split("\n").filter((line) => line.trimStart().startsWith("at "));
  return [error.name, ...frames].join("\n");
}

/** A failed call in the form that Kubernetes gives its own errors. */
export function statusJson(code: number, message: string): string {
  return JSON.stringify({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, code });
}

function send(response: ServerResponse, status: number, json: string, close: boolean): void {
  writeHead(response, status, json, close);
  response.end(json);
}

/**
 * An answer to a request whose body is still coming. The connection can't be used again; closed at once, it would be reset
 * under the caller, who would see that and not the answer.
 */
function sendBeforeEnd(request: IncomingMessage, response: ServerResponse, status: number, json: string): void {
  writeHead(response, status, json, true);
  response.write(json);
  const end = (): void => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, DISCARD_MS);
  request.once("end", end).once("close", end).resume();
}

function writeHead(response: ServerResponse, status: number, json: string, close: boolean): void {
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(json),
    ...(close ? { Connection: "close" } : {}),
  });
}
