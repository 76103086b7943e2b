/** The oldest Kubernetes that is supported, as docs/operations.md names it. */
export const OLDEST_VERSION = "v1.33.13";
