/**
 * CERT_STORE=secret: all Pods serve one pair, kept in a Secret that must exist. CA and leaf are renewed together, since
 * the CA's key is never kept. Which of several first starters wins is decided by the Secret's resourceVersion.
 */
import { ApiUnavailable } from "../../src/cluster/ask.ts";
import type { ClusterConnection } from "../../src/cluster/client.ts";
import { patchSecret, readSecret } from "../../src/cluster/secrets.ts";
import { PortcullisError } from "../../src/errors.ts";
import type { Logger } from "../../src/telemetry/logger.ts";
import type { CertificatePair } from "../../src/tls/profile.ts";
import type { Clock } from "../backoff.ts";
import { issueCheckedPair } from "./issue.ts";
import { judgeSecretData, type PairRequirements, toSecretData } from "./secret-pair.ts";
import type { CertificateStore } from "./store.ts";

const FIELD_MANAGER = "portcullis-init";

/** Without a pause: after the first conflict there is usually a winner. Beyond, the caller knows how long to wait. */
const MAX_TRIES = 3;

export interface SecretStoreOptions extends PairRequirements {
  readonly connection: ClusterConnection;
  /** In the namespace of `names`. */
  readonly secretName: string;
  /** Of a new pair. */
  readonly validityMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** `obtain` throws PortcullisError SECRET where there is no Secret of that name. */
export function createSecretStore(options: SecretStoreOptions): CertificateStore {
  return {
    async obtain() {
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const pair = await readOrRenew(options);
        if (pair !== "changed") return pair;
      }
      throw new ApiUnavailable(`Secret ${options.secretName} was changed by somebody else ${MAX_TRIES} times in a row`);
    },
  };
}

/** `changed`: somebody else has written in between, and our pair, if there was one, is nobody's. */
async function readOrRenew(options: SecretStoreOptions): Promise<CertificatePair | "changed"> {
  const { connection, secretName, names, clock, logger } = options;
  const secret = { namespace: names.namespace, name: secretName };
  const live = await readSecret(connection, secret);
  if (!live) {
    throw new PortcullisError("SECRET", `there is no Secret "${secret.name}" in namespace "${secret.namespace}"`);
  }
  const verdict = judgeSecretData(live.data, options, clock.now());
  if (verdict.kind === "usable") return verdict.pair;

  const pair = issueCheckedPair({ ...options, now: clock.now(), serverDate: connection.serverDate() });
  const written = { resourceVersion: live.resourceVersion, data: toSecretData(pair) };
  const result = await patchSecret(connection, secret, written, FIELD_MANAGER);
  if (result !== "patched") {
    logger.info({ secret, reason: result }, "the new certificates are dropped: the Secret has changed meanwhile");
    return "changed";
  }
  const level = verdict.kind === "unusable" ? "warn" : "info";
  logger[level]({ secret, reasons: verdict.reasons }, "new certificates in the Secret");
  return pair;
}
