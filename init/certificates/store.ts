import type { CertificatePair } from "../../src/tls/profile.ts";

/** Where this Pod's certificates come from, asked at the start and, by a keeper, in every round. */
export interface CertificateStore {
  /**
   * The pair to serve: the one that is there while it is good and not yet due for renewal, else a new one. Does not
   * write to CERT_DIR, and doesn't touch a webhook configuration: the caller does, in the order that loses no call.
   * Throws PortcullisError, or ApiUnavailable where a later try may succeed.
   */
  obtain(): Promise<CertificatePair>;
}
