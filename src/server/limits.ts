/**
 * The HTTPS server: routes, bodies, TLS, timeouts, load, drain. What a review is, the server doesn't know (src/admission).
 */

/**
 * The API server takes requests up to 3 MiB and escapes `<`, `>` and `&` into six bytes each, so a legal UPDATE (object
 * and oldObject) can arrive with about 27 MiB. A smaller limit could be passed by padding wherever failurePolicy is Ignore.
 */
export const MAX_BODY_BYTES = 32 * 1024 * 1024;

/**
 * Calls at once. An API server has 200 mutating requests in flight by default (--max-mutating-requests-inflight), each with
 * one call to us at a time: five of them.
 */
export const MAX_REQUESTS_IN_FLIGHT = 1000;

/** Bytes of bodies at once: two of the largest, which is what 512 MiB of memory can hold while one is parsed. */
export const MAX_BYTES_IN_FLIGHT = 2 * MAX_BODY_BYTES;

/** Beyond this a body counts as large, and large ones together get a share of the bytes only. */
export const LARGE_BODY_BYTES = 1024 * 1024;
export const LARGE_BODY_SHARE = 0.75;

/** Seconds that a caller is asked to wait after a 429. The API server does, within the webhook's timeoutSeconds. */
export const RETRY_AFTER_SECONDS = 1;

/** An API server keeps 25 idle connections, and opens more for calls at once: as many as calls, twice. */
export const MAX_CONNECTIONS = 2 * MAX_REQUESTS_IN_FLIGHT;

/** The API server keeps idle connections for 90 s (its http.Transport): longer here, so that it is never we who close one that it is about to use. */
export const KEEP_ALIVE_TIMEOUT_MS = 120_000;

/** Time for a TLS handshake; the API server gives up on its side after 10 s too. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** How long the rest of a body that was refused is read and thrown away, so that the caller gets to see the answer. */
export const DISCARD_MS = 1000;

/** Time for the head of a request; the API server sends it in one piece. */
export const HEADERS_TIMEOUT_MS = 10_000;

/** Time for a whole request: timeoutSeconds of a webhook is 30 at most. */
export const REQUEST_TIMEOUT_MS = 30_000;

/** How often Node looks at the two timeouts above. */
export const CONNECTIONS_CHECKING_INTERVAL_MS = 1000;

/** Where the API server gives no `?timeout=`: the default of a webhook's timeoutSeconds. */
export const DEFAULT_DEADLINE_MS = 10_000;

/** The largest timeoutSeconds of a webhook. */
export const MAX_DEADLINE_MS = 30_000;

/** Calls that are judged together at most, and bytes of their bodies: those who came first wait for the others. */
export const BATCH_CALLS = 16;
export const BATCH_BYTES = 256 * 1024;
