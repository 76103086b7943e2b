/**
 * When a certificate of ours is due for a new one. Pure, and on the wall clock: whoever asks again and again needs no
 * timer, which would overflow after 24.8 days and stand still while a virtual machine is suspended.
 */
import { createHash } from "node:crypto";
import type { CertificateFacts } from "./inspect.ts";
import { BACKDATE_MS } from "./profile.ts";

/** Leaves a third of the life for whatever stands in the way of a renewal. */
const DUE_AFTER_SHARE = 2 / 3;
/** Either way, so that Pods that started together don't renew together. */
const JITTER_SHARE = 0.1;

export interface RenewalQuestion {
  readonly certificate: Pick<CertificateFacts, "notBefore" | "notAfter">;
  readonly now: Date;
  /** The same seed, the same moment; a Pod's UID. */
  readonly jitterSeed: string;
}

/** Why the certificate needs a successor now, as a clause without a full stop; undefined while it doesn't. */
export function renewalReason({ certificate, now, jitterSeed }: RenewalQuestion): string | undefined {
  const { notBefore, notAfter } = certificate;
  if (now < notBefore) return `not valid before ${notBefore.toISOString()}`;
  if (now > notAfter) return `expired at ${notAfter.toISOString()}`;
  const issuedMs = notBefore.getTime() + BACKDATE_MS;
  const lifeMs = notAfter.getTime() - issuedMs;
  const due = new Date(issuedMs + lifeMs * DUE_AFTER_SHARE * (1 + JITTER_SHARE * jitterOf(jitterSeed)));
  return now < due ? undefined : `due for renewal since ${due.toISOString()}`;
}

/** From -1 to 1. */
function jitterOf(seed: string): number {
  const number = createHash("sha256").update(seed).digest().readUInt32BE(0);
  return (number / 0xffff_ffff) * 2 - 1;
}
