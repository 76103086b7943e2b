import type { Phase } from "../src/policy/policy.ts";
import type { ConfigurationKind } from "../src/registration/configuration.ts";

/** One of the two webhook configurations that are ours. */
export interface Target {
  readonly phase: Phase;
  readonly kind: ConfigurationKind;
  readonly name: string;
}

export interface TargetNames {
  readonly mutateConfig: string | undefined;
  readonly validateConfig: string | undefined;
}

/** Those that have a name, the mutating one first. */
export function targetsOf({ mutateConfig, validateConfig }: TargetNames): readonly Target[] {
  return [
    ...(mutateConfig === undefined
      ? []
      : [{ phase: "mutate", kind: "MutatingWebhookConfiguration", name: mutateConfig } as const]),
    ...(validateConfig === undefined
      ? []
      : [{ phase: "validate", kind: "ValidatingWebhookConfiguration", name: validateConfig } as const]),
  ];
}
