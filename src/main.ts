/** The server: settings, policies and certificates in, HTTPS out. Composition only. */
import closeWithGrace from "close-with-grace";
import { readServerConfig } from "./config.ts";
import { describeFailure } from "./errors.ts";
import { readPolicyFiles } from "./policy/load.ts";
import { registrationHash } from "./registration/desired.ts";
import { rules } from "./rules/index.ts";
import { createAdmissionListener, createHealthListener } from "./server/app.ts";
import { closeGracefully, createAdmissionServer, createHealthServer, listen } from "./server/listen.ts";
import { servePairOf } from "./server/served-pair.ts";
import { servePolicies } from "./server/served-policies.ts";
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
  const metrics = createMetrics();
  const now = (): Date => new Date();
  const files = readPolicyFiles(config.policyDir);
  const { policyDir: directory, certDir } = config;
  const policies = servePolicies({ directory, certDir, files, rules, registrationHash, metrics, logger, now });
  const first = readServingPair(config.certDir);

  let draining = false;
  const admission = createAdmissionServer(
    { cert: first.certPem, key: first.keyPem },
    createAdmissionListener({
      policies: policies.current,
      recorder: createRecorder(logger, metrics, policies.current),
      metrics,
      logger,
      now,
      isDraining: () => draining,
    }),
  );
  watchTlsErrors(admission, metrics, logger);
  const served = servePairOf({ directory: certDir, first, server: admission, metrics, logger, now });
  const health = createHealthServer(
    createHealthListener(
      () => [
        ...(draining ? ["draining"] : []),
        ...(admission.listening ? [] : ["not listening"]),
        ...unservableReasons(served.current(), now()),
      ],
      metrics.registry,
      policies.notes,
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
    policies.stop();
    logger.info("closed");
  });

  await listen(admission, config.port, config.listenAddress);
  await listen(health, config.healthPort, config.listenAddress);
  logger.info(
    {
      port: config.port,
      healthPort: config.healthPort,
      policies: policies.current().policies.map((policy) => policy.name),
      policyHash: policies.hash(),
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
