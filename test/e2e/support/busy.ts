/** A cluster in use: 50 writes a second, dry runs and real ones, some of which the policies refuse, and none that may fail. */
import { expect } from "vitest";
import { type ApiClient, pathOf } from "../../support/api-client.ts";
import { callWhile, type LoadReport, summarise, type Write } from "../../support/load.ts";
import { deployment, dryRunOf, LOADED_NAMESPACE, SHIPPED_WRITES } from "../../support/writes.ts";
import type { E2eCluster } from "./cluster.ts";
import { type Counters, readCounters, since } from "./counters.ts";

/** Where the machine can't follow, calls wait here and not at the API server, which would never catch up. Their wait counts. */
const MAX_IN_FLIGHT = 50;
const MAX_REASON = 120;

/** Asked about by the mutating webhook too, which is never to fail open. */
const POD: Write = {
  name: "Pod",
  request: {
    method: "POST",
    path: `${pathOf("pods", LOADED_NAMESPACE)}?dryRun=All`,
    body: {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { generateName: "pod-", labels: { app: "pod" } },
      spec: deployment("pod", {}).spec.template.spec,
    },
  },
  expected: "admitted",
};

const BUCKETS = { service: { name: "minio", port: { number: 9000 } } };

/** For real. An Ingress, since no controller makes anything of one that is of no class. */
const REAL: Write = {
  name: "real Ingress",
  request: {
    method: "POST",
    path: pathOf("ingresses.networking.k8s.io", LOADED_NAMESPACE),
    body: {
      apiVersion: "networking.k8s.io/v1",
      kind: "Ingress",
      metadata: {
        generateName: "site-",
        labels: { app: "site", role: "static", bucket: "site-20240101" },
        annotations: { "ingress.kubernetes.io/rewrite-target": "/site-20240101" },
      },
      spec: {
        ingressClassName: "none",
        rules: [{ host: "site.example.com", http: { paths: [{ path: "/", pathType: "Prefix", backend: BUCKETS }] } }],
      },
    },
  },
  expected: "admitted",
};
/** For real as well, were it not refused. */
const REAL_UNLABELLED: Write = {
  name: "real unlabelled",
  request: { ...dryRunOf(deployment("unlabelled", {})), path: pathOf("deployments.apps", LOADED_NAMESPACE) },
  expected: "refused",
};

const ENFORCED: readonly Write[] = [...SHIPPED_WRITES, POD, REAL, REAL_UNLABELLED, REAL];

/** While enforcement begins or ends either verdict is one; a dry run each, so that the next may have the same name. */
const UNSETTLED: readonly Write[] = [
  ...SHIPPED_WRITES.map((write): Write => (write.expected === "refused" ? { ...write, expected: "either" } : write)),
  POD,
  REAL,
];

export interface BusyReport {
  readonly load: LoadReport;
  /** The API server's own counts, of what happened meanwhile. */
  readonly counted: Counters;
}

export interface BusyOptions {
  readonly minCalls?: number;
  /** Default: as while portcullis enforces. */
  readonly settled?: boolean;
}

/** Runs `work` under load, and tells what came of both. */
export async function whileBusy(
  cluster: E2eCluster,
  scenario: string,
  work: () => Promise<void>,
  { minCalls = 0, settled = true }: BusyOptions = {},
): Promise<BusyReport> {
  await cluster.run(["apply", "-f", "-"], JSON.stringify(namespace(LOADED_NAMESPACE)));
  const { ratePerSecond } = cluster.settings;
  const before = await readCounters(cluster);
  const writes = settled ? ENFORCED : UNSETTLED;
  const load = await callWhile({ clients: [takeTurns(cluster.api)], writes, ratePerSecond, minCalls }, work);
  const counted = since(before, await readCounters(cluster));
  const counts = `, fail open ${counted.failOpen}, failed calls ${counted.callErrors} of ${counted.calls}`;
  cluster.tell(scenario, describeLoad(load, counts));
  return { load, counted };
}

/** In one line, whatever the reasons. */
function describeLoad(load: LoadReport, counts: string): string {
  const [line = "", reason = ""] = summarise("", load, counts).trim().replace(/^: /, "").split(/\n\s*/);
  return reason === "" ? line : `${line}; ${reason.slice(0, MAX_REASON)}…`;
}

function takeTurns(api: ApiClient): ApiClient {
  const waiting: (() => void)[] = [];
  let inFlight = 0;
  return {
    close: () => api.close(),
    async send(request) {
      if (inFlight < MAX_IN_FLIGHT) inFlight++;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await api.send(request);
      } finally {
        const next = waiting.shift();
        if (next) next();
        else inFlight--;
      }
    },
  };
}

/** Nobody's write failed, and the API server counts no call that went wrong, or was waved through. */
export function expectNoneLost({ load, counted }: BusyReport): void {
  expect([...load.failures]).toEqual([]);
  expect(counted).toMatchObject({ failOpen: 0, callErrors: 0 });
  expect(load.calls, "control: there was a load").toBeGreaterThan(0);
  expect(counted.calls, "control: and its calls arrived").toBeGreaterThanOrEqual(load.calls * 0.9);
}

export function namespace(name: string, labels: Readonly<Record<string, string>> = {}) {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}
