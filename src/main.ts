/** The server: settings, policies and certificates in, HTTPS out. Composition only. */
import closeWithGrace from "close-with-grace";
import { readServerConfig } from "./config.ts";
import { describeFailure } from "./errors.ts";
import { readPolicyFiles } from "./policy/load.ts";
import { registrationHash } from "./registration/desired.ts";
import { rules } from "./rules/index.ts";
import { createAdmissionListener, createHealthListener } from "./server/app.ts";
import { createBatch } from "./server/batch.ts";
import { checkCallers } from "./server/caller.ts";
import { connectionsOf } from "./server/connections.ts";
import { watchEventLoop } from "./server/event-loop.ts";
import { closeGracefully, createAdmissionServer, createHealthServer, listen } from "./server/listen.ts";
import { createLoad } from "./server/load.ts";
import { limitLogRate } from "./server/log-rate.ts";
import { servePolicies } from "./server/served-policies.ts";
import { serveTls } from "./server/served-tls.ts";
import { watchTlsErrors } from "./server/tls-errors.ts";
import { createLogDestination } from "./telemetry/log-destination.ts";
import { createLogger } from "./telemetry/logger.ts";
import { createMetrics } from "./telemetry/metrics.ts";
import { createRecorder } from "./telemetry/recorder.ts";
import { readClientCa } from "./tls/client-ca.ts";
import { readServingPair, unservableReasons } from "./tls/serving.ts";

/** After the drain: the longest that a webhook's timeoutSeconds lets a call last, and a little. */
const CLOSE_SECONDS = 35;

async function main(): Promise<void> {
  const config = readServerConfig();
  const { policyDir: directory, certDir, clientCaFile, clientNames } = config;
  const metrics = createMetrics();
  const logger = createLogger("server", config.logLevel, createLogDestination(1, metrics.logLineDropped));
  const now = (): Date => new Date();
  const files = readPolicyFiles(directory);
  const policies = servePolicies({ directory, certDir, files, rules, registrationHash, metrics, logger, now });
  const first = readServingPair(certDir);
  const clientCa = clientCaFile === undefined ? undefined : { file: clientCaFile, pem: readClientCa(clientCaFile) };

  let draining = false;
  const eventLoop = watchEventLoop(metrics.eventLoopLagged);
  const load = createLoad(eventLoop.isLate);
  const admission = createAdmissionServer(
    { ...first, clientCaPem: clientCa?.pem },
    createAdmissionListener({
      policies: policies.current,
      recorder: createRecorder(logger, metrics),
      metrics,
      logger,
      load,
      batch: createBatch(),
      mayLog: limitLogRate(),
      checkCaller: clientCa && checkCallers(clientNames),
      now,
      isDraining: () => draining,
    }),
    { onEvicted: metrics.connectionEvicted },
  );
  metrics.showLoad(() => ({
    requests: load.requests,
    bytes: load.bytes,
    connections: connectionsOf(admission)?.count() ?? 0,
  }));
  watchTlsErrors(admission, metrics, logger);
  const served = serveTls({ directory: certDir, first, clientCa, server: admission, metrics, logger, now });
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
      policies: [...new Set(policies.current().policies.map((policy) => policy.name))],
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
