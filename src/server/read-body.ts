import type { IncomingMessage } from "node:http";
import { LARGE_BODY_BYTES, MAX_BODY_BYTES } from "./limits.ts";
import type { Load } from "./load.ts";

export type Body =
  | { readonly kind: "read"; readonly bytes: Buffer }
  | { readonly kind: "oversize" }
  | { readonly kind: "no-room" }
  | { readonly kind: "media-type"; readonly message: string }
  | { readonly kind: "aborted" };

/** Each chunk is a Buffer of some hundred bytes, whatever is in it: so many small ones are made one. */
const MAX_LOOSE_CHUNKS = 1024;
const SMALL_CHUNK_BYTES = 1024;

/** Called once. `byteCount`: what of the body counts in the load until the call ends. */
export type OnBody = (body: Body, byteCount: number) => void;

/** Reads a JSON body of at most MAX_BODY_BYTES, for which the load has room; what can be refused by its head alone is not read. */
export function readBody(request: IncomingMessage, load: Load, onBody: OnBody): void {
  const problem = mediaTypeProblem(request);
  if (problem !== undefined) {
    onBody({ kind: "media-type", message: problem }, 0);
    return;
  }
  const declared = Number(request.headers["content-length"] ?? 0);
  if (declared > MAX_BODY_BYTES) {
    onBody({ kind: "oversize" }, 0);
    return;
  }
  // Room for all of a large body, before others have each begun to take some of it and none has enough.
  const reserved = declared > LARGE_BODY_BYTES ? declared : 0;
  if (!load.take(reserved, declared)) {
    onBody({ kind: "no-room" }, 0);
    return;
  }
  let chunks: Buffer[] = [];
  let length = 0;
  /** At the end of `chunks`, not yet looked at for being small. */
  let loose = { chunks: 0, bytes: 0 };
  let ended = false;
  const end = (body: Body): void => {
    ended = true;
    chunks = [];
    onBody(body, reserved || length);
  };
  request.on("data", (chunk: Buffer) => {
    if (ended) return;
    if (length + chunk.length > MAX_BODY_BYTES) end({ kind: "oversize" });
    else if (!reserved && !load.take(chunk.length, length + chunk.length)) end({ kind: "no-room" });
    else {
      length += chunk.length;
      chunks.push(chunk);
      loose.chunks++;
      loose.bytes += chunk.length;
      if (loose.chunks < MAX_LOOSE_CHUNKS) return;
      if (loose.bytes < MAX_LOOSE_CHUNKS * SMALL_CHUNK_BYTES) chunks.push(Buffer.concat(chunks.splice(-loose.chunks)));
      loose = { chunks: 0, bytes: 0 };
    }
  });
  request.on("end", () => {
    if (!ended) end({ kind: "read", bytes: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks) });
  });
  // `close` without `end` is a caller that went away in the middle of its body.
  request.on("close", () => {
    if (!ended) end({ kind: "aborted" });
  });
  request.on("error", ignore);
}

/** The end of the request says it too. */
function ignore(): void {}

function mediaTypeProblem({ headers }: IncomingMessage): string | undefined {
  // Nothing is ever inflated: a few kilobytes could become gigabytes.
  if (headers["content-encoding"] !== undefined) return "no Content-Encoding is accepted";
  const contentType = headers["content-type"] ?? "";
  if (contentType === "application/json") return undefined;
  const [type = "", ...parameters] = contentType.toLowerCase().split(";");
  if (type.trim() !== "application/json") return "the Content-Type must be application/json";
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith("charset="));
  return charset === undefined || /^charset="?utf-?8"?$/.test(charset) ? undefined : "the charset must be utf-8";
}
