import type { Call } from "./types.ts";

/** The API server no longer waits for the answer: 504, and failurePolicy decides. */
export class DeadlineExceeded extends Error {
  constructor() {
    super("the deadline of the call passed before every policy was asked");
    this.name = "DeadlineExceeded";
  }
}

/** Throws DeadlineExceeded. To be asked between two pieces of work. */
export function checkDeadline({ isPastDeadline }: Pick<Call, "isPastDeadline">): void {
  if (isPastDeadline()) throw new DeadlineExceeded();
}
