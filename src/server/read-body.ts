import type { IncomingMessage } from "node:http";
import { MAX_BODY_BYTES } from "./limits.ts";

export type Body =
  | { readonly kind: "read"; readonly bytes: Buffer }
  | { readonly kind: "oversize" }
  | { readonly kind: "media-type"; readonly message: string }
  | { readonly kind: "aborted" };

/** Reads a JSON body of at most MAX_BODY_BYTES; what can be refused by its head alone is not read. */
export function readBody(request: IncomingMessage): Promise<Body> {
  const problem = mediaTypeProblem(request);
  if (problem !== undefined) return Promise.resolve({ kind: "media-type", message: problem });
  if (Number(request.headers["content-length"] ?? 0) > MAX_BODY_BYTES) return Promise.resolve({ kind: "oversize" });
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAX_BODY_BYTES) resolve({ kind: "oversize" });
      else chunks.push(chunk);
    });
    request.on("end", () =>
      resolve({ kind: "read", bytes: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks) }),
    );
    // `close` without `end` is a caller that went away in the middle of its body.
    request.on("close", () => resolve({ kind: "aborted" }));
    request.on("error", () => resolve({ kind: "aborted" }));
  });
}

function mediaTypeProblem({ headers }: IncomingMessage): string | undefined {
  // Nothing is ever inflated: a few kilobytes could become gigabytes.
  if (headers["content-encoding"] !== undefined) return "no Content-Encoding is accepted";
  const [type = "", ...parameters] = (headers["content-type"] ?? "").toLowerCase().split(";");
  if (type.trim() !== "application/json") return "the Content-Type must be application/json";
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith("charset="));
  return charset === undefined || /^charset="?utf-?8"?$/.test(charset) ? undefined : "the charset must be utf-8";
}
