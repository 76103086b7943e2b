/** The server: settings, policies and certificates in, HTTPS out. Composition only. */
import closeWithGrace from "close-with-grace";
import { readServerConfig } from "./config.ts";
import { describeFailure } from "./errors.ts";
import { loadPolicies } from "./policy/load.ts";
import { policyHash } from "./policy/policy-hash.ts";
import { indexPolicies } from "./policy/policy-index.ts";
import { rules } from "./rules/index.ts";
import { createAdmissionListener, createHealthListener } from "./server/app.ts";
import { closeGracefully, createAdmissionServer, createHealthServer, listen } from "./server/listen.ts";
import { registrationNotes } from "./server/registration-note.ts";
import { servePairOf } from "./server/served-pair.ts";
import { watchTlsErrors } from "./server/tls-errors.ts";
import { createLogger } from "./telemetry/logger.ts";
import { createMetrics } from "./telemetry/metrics.ts";
import { createRecorder } from "./telemetry/recorder.ts";
import { readServingPair, unservableReasons } from "./tls/serving.ts";

/** After the drain: the longest that a webhook's timeoutSeconds lets a call last, and a little. */
const CLOSE_SECONDS = 35;

async function main(): Promise<void> {
  const config = readServerConfig();
  const logger = createLogger("server", config.logLevel);
  const index = indexPolicies(loadPolicies(config.policyDir, rules));
  const loadedHash = policyHash(index.policies);
  const first = readServingPair(config.certDir);
  const metrics = createMetrics();

  let draining = false;
  const now = (): Date => new Date();
  const policies = () => index;
  const admission = createAdmissionServer(
    { cert: first.certPem, key: first.keyPem },
    createAdmissionListener({
      policies,
      recorder: createRecorder(logger, metrics, policies),
      metrics,
      logger,
      now,
      isDraining: () => draining,
    }),
  );
  watchTlsErrors(admission, metrics, logger);
  const served = servePairOf({ directory: config.certDir, first, server: admission, metrics, logger, now });
  const health = createHealthServer(
    createHealthListener(
      () => [
        ...(draining ? ["draining"] : []),
        ...(admission.listening ? [] : ["not listening"]),
        ...unservableReasons(served.current(), now()),
      ],
      metrics.registry,
      () => registrationNotes(config.certDir, loadedHash),
    ),
  );

  closeWithGrace({ delay: (config.drainSeconds + CLOSE_SECONDS) * 1000, logger: false }, async ({ err, signal }) => {
    if (err) logger.fatal({ err }, "closing after an error outside any request");
    else logger.info({ signal, drainSeconds: config.drainSeconds }, "draining");
    draining = true;
    // The endpoints follow a Pod's end with a delay: whoever still comes is answered, and asked to connect elsewhere.
    await new Promise((resolve) => setTimeout(resolve, config.drainSeconds * 1000));
    await closeGracefully(admission);
    health.close();
    served.stop();
    logger.info("closed");
  });

  await listen(admission, config.port, config.listenAddress);
  await listen(health, config.healthPort, config.listenAddress);
  logger.info(
    {
      port: config.port,
      healthPort: config.healthPort,
      policies: index.policies.map((policy) => policy.name),
      policyHash: loadedHash,
      certificateNotAfter: served.current().leaf.notAfter.toISOString(),
    },
    "serving",
  );
}

main().catch((error: unknown) => {
  const { text, exitStatus } = describeFailure(error);
  process.stderr.write(`${text}\n`);
  process.exit(exitStatus);
});
