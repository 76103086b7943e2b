import type { IncomingMessage, ServerResponse } from "node:http";
import { checkDeadline, DeadlineExceeded } from "../admission/deadline.ts";
import { DecodeError } from "../admission/decode.ts";
import { review } from "../admission/review.ts";
import type { AdmissionReview, Recorder } from "../admission/types.ts";
import type { PolicyIndex } from "../policy/policy-index.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { CallError, Metrics } from "../telemetry/metrics.ts";
import type { AdmissionPath } from "./admission-path.ts";
import type { Batch } from "./batch.ts";
import type { CallerCheck, CallerRefusal } from "./caller.ts";
import { MAX_BODY_BYTES, RETRY_AFTER_SECONDS } from "./limits.ts";
import type { Load, ShedReason } from "./load.ts";
import type { LogRate } from "./log-rate.ts";
import { type Body, readBody } from "./read-body.ts";
import { sendFailure, sendVerdict } from "./send.ts";

export interface AdmissionContext {
  /** The policies of the moment; a request keeps those that it began with. */
  readonly policies: () => PolicyIndex;
  readonly recorder: Recorder;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly load: Load;
  readonly batch: Batch;
  readonly mayLog: LogRate;
  /** Absent: everybody is answered. */
  readonly checkCaller?: CallerCheck | undefined;
  /** Wall clock, for rules about dates. */
  readonly now: () => Date;
  /** Once true, every answer asks for its connection to be closed. */
  readonly isDraining: () => boolean;
}

/** Answers one review. Status 200 only for a verdict: with any other, failurePolicy decides, as the policy chose. */
export function admit(
  context: AdmissionContext,
  path: AdmissionPath,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const receivedAtMs = performance.now();
  const { load } = context;
  const policies = context.policies();
  const full = load.begin();
  if (full !== undefined) {
    shed(context, path, full, request, response);
    return;
  }
  readBody(request, load, (body, byteCount) => {
    if (body.kind !== "read") {
      guard(context, response, () => refuseBody(context, path, body, request, response));
      load.end(byteCount);
      return;
    }
    let answer: AdmissionReview | CallFailure | undefined;
    context.batch.add({
      byteCount,
      judge() {
        guard(context, response, () => {
          answer = judge(context, path, receivedAtMs, body.bytes, policies);
        });
      },
      send() {
        guard(context, response, () => {
          if (answer === undefined) return;
          if ("error" in answer) fail(context, path, answer, request, response);
          else sendVerdict(response, answer, context.isDraining());
        });
        load.end(byteCount);
      },
    });
  });
}

/** What goes wrong with one call must end that call, never the process. */
function guard({ logger }: AdmissionContext, response: ServerResponse, step: () => void): void {
  try {
    step();
  } catch (error) {
    logger.error({ error: error instanceof Error ? error.name : typeof error }, "answering a review failed");
    response.destroy();
  }
}

function refuseBody(
  context: AdmissionContext,
  path: AdmissionPath,
  body: Exclude<Body, { readonly kind: "read" }>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (body.kind === "aborted") context.metrics.failed(path.phase, "aborted");
  else if (body.kind === "no-room") shed(context, path, "bytes", request, response);
  else fail(context, path, refusalOf(body), request, response);
}

/** Why a call gets no verdict. */
interface CallFailure {
  readonly status: number;
  readonly error: CallError;
  readonly message: string;
}

function refusalOf(body: Extract<Body, { readonly kind: "oversize" | "media-type" }>): CallFailure {
  return body.kind === "oversize"
    ? { status: 413, error: "oversize", message: `the body is larger than ${MAX_BODY_BYTES} bytes` }
    : { status: 415, error: "media-type", message: body.message };
}

function judge(
  { now, recorder, logger }: AdmissionContext,
  { phase, entry, timeoutMs }: AdmissionPath,
  receivedAtMs: number,
  body: Uint8Array,
  policies: PolicyIndex,
): AdmissionReview | CallFailure {
  const deadlineMs = receivedAtMs + timeoutMs;
  const isPastDeadline = (): boolean => performance.now() > deadlineMs;
  try {
    checkDeadline({ isPastDeadline });
    return review({ phase, entry, now: now(), receivedAtMs, isPastDeadline }, body, policies, recorder);
  } catch (error) {
    if (error instanceof DecodeError) return { status: 400, error: error.reason, message: error.message };
    if (error instanceof DeadlineExceeded) return { status: 504, error: "deadline", message: error.message };
    // The stack names our code; the message might quote the object.
    logger.error({ phase, entry, stack: stackOf(error) }, "a rule failed: this is a bug");
    return { status: 500, error: "internal", message: "internal error; the server's log has the details" };
  }
}

function fail(
  context: AdmissionContext,
  { phase, entry }: AdmissionPath,
  { status, error, message }: CallFailure,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  context.metrics.failed(phase, error);
  // A bug has had a line with its stack.
  if (error !== "internal") logFailure(context, error, { phase, entry, status }, request);
  sendFailure(request, response, { status, message, close: context.isDraining() });
}

/** The API server waits and tries again; a connection that is dropped instead would be an error at once. */
function shed(
  context: AdmissionContext,
  { phase, entry }: AdmissionPath,
  reason: ShedReason,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  context.metrics.shed(phase, reason);
  logFailure(context, `shed ${reason}`, { phase, entry, status: 429 }, request);
  const message = "too much to do at the moment; try again";
  sendFailure(request, response, {
    status: 429,
    message,
    close: context.isDraining(),
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

/** For a caller that can't say who it is: before anything of the request is looked at. */
export function refuseCaller(
  context: AdmissionContext,
  reason: CallerRefusal,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  context.metrics.callerRefused(reason);
  logFailure(context, `caller ${reason}`, { status: 401 }, request);
  const message = "only callers with a client certificate that this server knows are answered";
  sendFailure(request, response, { status: 401, message, close: true });
}

/** Nothing of the request but where it came from: the rest is for anybody to make up. */
function logFailure(
  { logger, mayLog }: AdmissionContext,
  error: string,
  fields: object,
  { socket }: IncomingMessage,
): void {
  if (!mayLog(error)) return;
  logger.warn(
    { ...fields, error, remoteAddress: socket.remoteAddress },
    "a call got no verdict; at most a line a minute",
  );
}

/** The frames without the message, which may have lines that look like frames. */
function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return "thrown value is not an Error";
  const { name, message, stack = "" } = error;
  const head = `${name}: ${message}`;
  return stack.startsWith(head) ? name + stack.slice(head.length) : name;
}
