/** The CAs that the API server trusts us by. */
import { X509Certificate } from "node:crypto";
import type { E2eCluster } from "./cluster.ts";
import { PORTCULLIS } from "./enforcing.ts";

const END = "-----END CERTIFICATE-----\n";

/** A fingerprint each, in short. */
export async function caNames({ run }: E2eCluster): Promise<readonly string[]> {
  const path = "jsonpath={.webhooks[0].clientConfig.caBundle}";
  const bundle = await run(["get", "validatingwebhookconfiguration", PORTCULLIS, "-o", path]);
  const certificates = Buffer.from(bundle, "base64").toString().split(END).slice(0, -1);
  return certificates.map((pem) => new X509Certificate(pem + END).fingerprint256.slice(0, 11));
}
