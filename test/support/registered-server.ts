/** The HTTPS server of this process, registered with an API server for its policies, as init would register it, by URL. */
import type { AddressInfo } from "node:net";
import type { Policy } from "../../src/policy/policy.ts";
import { desiredWebhooks } from "../../src/registration/desired.ts";
import type { ControlPlane } from "./control-plane/start.ts";
import { apply } from "./installation.ts";
import { type ServeOptions, serve, type TestServer } from "./serve.ts";

const NAME = "registered";
const KINDS = { mutate: "MutatingWebhookConfiguration", validate: "ValidatingWebhookConfiguration" } as const;
const TARGET = { service: NAME, namespace: NAME, servicePort: 443, excludeNamespaces: [] };

export interface RegisterOptions extends Pick<ServeOptions, "load"> {
  /** Default: as long as there is. How quick this process is is mostly not the question. */
  readonly timeoutSeconds?: number;
  /** Default: Fail, so that no failed call looks like a verdict. */
  readonly failurePolicy?: "Fail" | "Ignore";
}

/** Takes the place of the one before, if there was one. Whoever registers it waits until it is asked. */
export async function serveFor(
  controlPlane: ControlPlane,
  policies: readonly Policy[],
  { timeoutSeconds = 30, failurePolicy = "Fail", ...options }: RegisterOptions = {},
): Promise<TestServer> {
  // Our certificates name a Service; one that is called localhost can be had by URL.
  const server = await serve(policies, [], { names: { service: "localhost", namespace: "default" }, ...options });
  const { port } = server.server.address() as AddressInfo;
  const caBundle = Buffer.from(server.caPem).toString("base64");
  const configurations = (["mutate", "validate"] as const).map((phase) => ({
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: KINDS[phase],
    metadata: { name: NAME },
    webhooks: desiredWebhooks(phase, policies, TARGET).map(({ clientConfig: { service }, ...webhook }) => ({
      ...webhook,
      clientConfig: { url: `https://localhost:${port}${service.path}`, caBundle },
      timeoutSeconds,
      failurePolicy,
    })),
  }));
  await apply(controlPlane, configurations);
  return server;
}
