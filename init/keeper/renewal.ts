import type { WebhookConfigurations } from "../../src/cluster/webhook-configurations.ts";
import { writePair } from "../../src/tls/files.ts";
import type { CertificatePair } from "../../src/tls/profile.ts";
import { registerCa } from "../ca/register-ca.ts";
import type { InitContext } from "../run.ts";
import { targetsOf } from "../targets.ts";
import { WRITE_DEADLINE_MS } from "./heal.ts";

/**
 * Puts a new pair in place of the one that is being served: its CA into the bundles, beside the old one; a pause in which
 * every API server hears of it; and only then the files. Throws before the files are touched when the CA can't be brought
 * into a bundle, or doesn't stay there.
 */
export async function renewCertificate(
  { config, connection, clock, logger }: InitContext,
  configurations: WebhookConfigurations,
  pair: CertificatePair,
): Promise<void> {
  const { service, namespace, certDir, caSettleMs } = config;
  const { serverDate } = connection;
  async function registerEverywhere(): Promise<boolean> {
    // Without a Pod's UID: the CA of before stays.
    const own = { service, namespace, caPem: pair.caPem };
    let written = false;
    for (const { kind, name } of targetsOf(config)) {
      const deadline = new Date(clock.now().getTime() + WRITE_DEADLINE_MS);
      written = (await registerCa({ configurations, kind, name, own, serverDate, deadline, clock, logger })) || written;
    }
    return written;
  }

  await registerEverywhere();
  await clock.sleep(caSettleMs);
  if (await registerEverywhere()) throw new Error("somebody took the new CA out of a caBundle again");
  writePair(certDir, pair, clock.now());
  logger.info({ certDir }, "certificates renewed");
}
