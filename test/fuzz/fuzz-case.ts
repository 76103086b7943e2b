/** One thing that is sent, and the file that keeps it: a line of JSON that says how, then the exact bytes. */

/** A POST on a connection that is kept. */
export interface BodyCase {
  readonly kind: "body";
  readonly path: string;
  readonly contentType: string;
  readonly bytes: Buffer;
}

export const TRANSPORTS = ["tls", "tcp", "tls-broken", "health"] as const;
/** What becomes of the connection after the last byte. */
export const ENDINGS = ["wait", "half-close", "cut"] as const;

/** Bytes on a connection of their own. */
export interface RawCase {
  readonly kind: "raw";
  /** tls: within TLS; tcp: on the same port without it; tls-broken: past TLS, after its handshake; health: the other port. */
  readonly transport: (typeof TRANSPORTS)[number];
  /** Lengths of the writes that the bytes are sent in; together they are all of them. */
  readonly pieces: readonly number[];
  readonly ending: (typeof ENDINGS)[number];
  readonly bytes: Buffer;
}

export type FuzzCase = BodyCase | RawCase;

/** Kept cases also say what they are about, and which statuses they may be answered with; 0: with none. */
export interface Expectation {
  readonly about?: string;
  readonly statuses?: readonly number[];
}

export function writeCase(fuzzCase: FuzzCase, expectation: Expectation = {}): Buffer {
  const { bytes, ...how } = fuzzCase;
  return Buffer.concat([Buffer.from(`${JSON.stringify({ ...expectation, ...how })}\n`), bytes]);
}

export function readCase(file: Buffer): { readonly fuzzCase: FuzzCase; readonly expectation: Expectation } {
  const end = file.indexOf("\n");
  if (end === -1) throw new Error("a case begins with a line of JSON");
  const { about, statuses, ...how } = JSON.parse(file.subarray(0, end).toString());
  const bytes = file.subarray(end + 1);
  const fuzzCase: FuzzCase = { ...how, bytes };
  if (fuzzCase.kind === "raw") {
    const length = fuzzCase.pieces.reduce((sum, piece) => sum + piece, 0);
    if (length !== bytes.length) throw new Error(`the pieces are ${length} bytes and the case has ${bytes.length}`);
  } else if (fuzzCase.kind !== "body") throw new Error("a case is of kind body or raw");
  return { fuzzCase, expectation: { ...(about && { about }), ...(statuses && { statuses }) } };
}
