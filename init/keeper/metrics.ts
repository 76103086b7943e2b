import { Counter, Gauge, Registry } from "prom-client";
import type { WebhookConfigurations } from "../../src/cluster/webhook-configurations.ts";
import type { ConfigurationKind } from "../../src/registration/configuration.ts";

type PatchResult = "patched" | "conflict" | "gone" | "failed";

/** Labels are bounded: the two configurations, and the results that are named here. */
export interface KeeperMetrics {
  readonly registry: Registry;
  bundles(
    kind: ConfigurationKind,
    name: string,
    state: { readonly trusted: boolean; readonly certificates: number },
  ): void;
  patched(result: PatchResult): void;
  roundEnded(result: "ok" | "failed"): void;
  renewalEnded(result: "renewed" | "failed"): void;
}

export function createKeeperMetrics(): KeeperMetrics {
  const registry = new Registry();
  const registers = [registry];
  const caInBundle = new Gauge({
    name: "portcullis_ca_in_bundle",
    help: "1 while every webhook of the configuration that calls our Service trusts the CA of the certificate being served, else 0.",
    labelNames: ["configuration"],
    registers,
  });
  const certificates = new Gauge({
    name: "portcullis_bundle_certificates",
    help: "Certificates in the largest caBundle of the configuration.",
    labelNames: ["configuration"],
    registers,
  });
  const patches = counterByResult("portcullis_bundle_patches_total", "Patches of a caBundle.", registers);
  const rounds = counterByResult("portcullis_keeper_rounds_total", "Rounds of the keeper after its first.", registers);
  const renewals = counterByResult("portcullis_certificate_renewals_total", "Certificates replaced.", registers);
  return {
    registry,
    bundles(kind, name, { trusted, certificates: count }) {
      // In Kubernetes the two kinds may share a name, and here they usually do.
      const configuration = `${kind}/${name}`;
      caInBundle.set({ configuration }, trusted ? 1 : 0);
      certificates.set({ configuration }, count);
    },
    patched: (result) => patches.inc({ result }),
    roundEnded: (result) => rounds.inc({ result }),
    renewalEnded: (result) => renewals.inc({ result }),
  };
}

function counterByResult(name: string, help: string, registers: Registry[]): Counter<"result"> {
  return new Counter({ name, help, labelNames: ["result"], registers });
}

/** The same requests, with every patch counted. */
export function countPatches(configurations: WebhookConfigurations, metrics: KeeperMetrics): WebhookConfigurations {
  return {
    ...configurations,
    async patch(kind, name, patch) {
      try {
        const result = await configurations.patch(kind, name, patch);
        metrics.patched(result);
        return result;
      } catch (error) {
        metrics.patched("failed");
        throw error;
      }
    },
  };
}
