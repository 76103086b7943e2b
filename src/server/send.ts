import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { AdmissionReview } from "../admission/types.ts";
import { DISCARD_MS, LARGE_BODY_BYTES } from "./limits.ts";

export interface Failure {
  readonly status: number;
  readonly message: string;
  /** Asks the caller to connect anew. */
  readonly close: boolean;
  readonly retryAfterSeconds?: number;
}

export function sendVerdict(response: ServerResponse, review: AdmissionReview, close: boolean): void {
  const json = JSON.stringify(review);
  response.writeHead(200, headersOf(json, close));
  response.end(json);
}

export function sendFailure(request: IncomingMessage, response: ServerResponse, failure: Failure): void {
  const { status, message, close, retryAfterSeconds } = failure;
  const json = statusJson(status, message);
  const isEndless = !request.complete && (close || !isSmall(request));
  response.writeHead(status, {
    ...headersOf(json, close || isEndless),
    ...(retryAfterSeconds === undefined ? {} : { "Retry-After": retryAfterSeconds }),
  });
  if (isEndless) endLater(request, response, json);
  else response.end(json);
}

/** A failed call in the form that Kubernetes gives its own errors. */
export function statusJson(code: number, message: string): string {
  return JSON.stringify({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, code });
}

function headersOf(json: string, close: boolean): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(json),
  };
  if (close) headers.Connection = "close";
  return headers;
}

/** The rest of such a body is read and thrown away, and the connection can be used again. */
function isSmall({ headers }: IncomingMessage): boolean {
  const length = headers["content-length"];
  return length !== undefined && Number(length) <= LARGE_BODY_BYTES;
}

/**
 * An answer to a request whose body is still coming. The connection can't be used again; closed at once, it would be reset
 * under the caller, who would see that and not the answer.
 */
function endLater(request: IncomingMessage, response: ServerResponse, json: string): void {
  response.write(json);
  const end = (): void => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, DISCARD_MS);
  request.once("end", end).once("close", end).resume();
}
