/**
 * The HTTPS server: routes, bodies, TLS, timeouts, drain. What a review is, the server doesn't know (src/admission).
 */

/**
 * The API server takes requests up to 3 MiB and escapes `<`, `>` and `&` into six bytes each, so a legal UPDATE (object
 * and oldObject) can arrive with about 27 MiB. A smaller limit could be passed by padding wherever failurePolicy is Ignore.
 */
export const MAX_BODY_BYTES = 32 * 1024 * 1024;

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
