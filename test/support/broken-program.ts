/** What provokes the bugs that break-program.ts puts into the server. */

/** Signals that it has no use for: at each of them an error happens outside any request. */
export const SIGNALS = { throws: "SIGWINCH", rejects: "SIGCONT" } as const;
export const MESSAGE = "a bug outside any request";

/** An object of this name gets a promise from every rule, and it is rejected. */
export const PROMISED = "promised";
