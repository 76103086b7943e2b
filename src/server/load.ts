import { LARGE_BODY_BYTES, LARGE_BODY_SHARE, MAX_BYTES_IN_FLIGHT, MAX_REQUESTS_IN_FLIGHT } from "./limits.ts";

/** Why a call is turned away: too many at once, too many bytes at once, or an event loop that runs late. */
export type ShedReason = "requests" | "bytes" | "lag";

/** The calls in flight and the bytes of their bodies, and whether there is room for more. */
export interface Load {
  readonly requests: number;
  readonly bytes: number;
  /** Counts one more call, until `end`, unless it says why not. */
  begin(): ShedReason | undefined;
  /** Counts more bytes of a body that then has `length`, until `end`; false where there is no room for them. */
  take(byteCount: number, length: number): boolean;
  /** The call is over, and `byteCount` bytes of its body are free. */
  end(byteCount: number): void;
}

export interface LoadLimits {
  readonly maxRequests: number;
  readonly maxBytes: number;
}

const LIMITS: LoadLimits = { maxRequests: MAX_REQUESTS_IN_FLIGHT, maxBytes: MAX_BYTES_IN_FLIGHT };

/** `isLate`: whether the event loop has run late for some time, so that calls wait longer than they take. */
export function createLoad(isLate: () => boolean, { maxRequests, maxBytes }: LoadLimits = LIMITS): Load {
  let requests = 0;
  let bytes = 0;
  return {
    get requests() {
      return requests;
    },
    get bytes() {
      return bytes;
    },
    begin() {
      if (requests >= maxRequests) return "requests";
      // The last one in flight is served however late it is: else a loop that others keep busy would never serve anybody.
      if (requests > 0 && isLate()) return "lag";
      requests++;
      return undefined;
    },
    take(byteCount, length) {
      // Large bodies leave room for the small ones, of which nearly all are.
      const room = length > LARGE_BODY_BYTES ? maxBytes * LARGE_BODY_SHARE : maxBytes;
      if (bytes + byteCount > room) return false;
      bytes += byteCount;
      return true;
    },
    end(byteCount) {
      requests--;
      bytes -= byteCount;
    },
  };
}
