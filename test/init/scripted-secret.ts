/**
 * One Secret, behind the two calls of the client that reach it: for conflicts and lost answers at a chosen moment, which
 * a real API server can't be made to give. That a real one understands what is sent is shown in test/cluster.
 */
import { ApiException } from "@kubernetes/client-node";
import type { ClusterConnection } from "../../src/cluster/client.ts";

export type SecretData = Readonly<Record<string, string>>;

/** What happens to one patch in place of an ordinary answer. */
export interface PatchStep {
  /** What another client does just before. */
  readonly before?: () => void;
  /** A status, and nothing is written; `lost`: it is written, and nobody hears of it. */
  readonly answer?: number | "lost";
}

export interface ScriptedSecret {
  readonly connection: ClusterConnection;
  readonly verbs: readonly ("get" | "patch")[];
  /** Decoded; undefined when there is no Secret. */
  read(): SecretData | undefined;
  /** By somebody else. Undefined deletes the Secret. */
  replace(data: SecretData | undefined): void;
  /** A step for each of the next patches. */
  script(...steps: PatchStep[]): void;
  /** What every `get` is answered with from now on. */
  failGets(status: number): void;
}

interface PatchRequest {
  readonly body: { readonly metadata: { readonly resourceVersion: string }; readonly data: SecretData };
}

export function createScriptedSecret(initial: SecretData | undefined, serverDate: Date): ScriptedSecret {
  let version = 1;
  let current = initial;
  let getFailure: number | undefined;
  const steps: PatchStep[] = [];
  const verbs: ("get" | "patch")[] = [];
  const core = {
    async readNamespacedSecret() {
      verbs.push("get");
      if (getFailure !== undefined) throw refuse(getFailure);
      if (!current) throw refuse(404);
      return { metadata: { resourceVersion: String(version) }, data: mapValues(current, encode) };
    },
    async patchNamespacedSecret({ body }: PatchRequest) {
      verbs.push("patch");
      const { before, answer } = steps.shift() ?? {};
      before?.();
      if (typeof answer === "number") throw refuse(answer);
      if (!current) throw refuse(404);
      if (body.metadata.resourceVersion !== String(version)) throw refuse(409);
      replace({ ...current, ...mapValues(body.data, decode) });
      if (answer === "lost") throw new TypeError("fetch failed", { cause: new Error("socket hang up") });
    },
  };
  function replace(data: SecretData | undefined): void {
    version++;
    current = data;
  }
  return {
    connection: { core, serverDate: () => serverDate } as unknown as ClusterConnection,
    verbs,
    read: () => current,
    replace,
    script: (...more) => void steps.push(...more),
    failGets(status) {
      getFailure = status;
    },
  };
}

function refuse(code: number): ApiException<string> {
  return new ApiException(code, "scripted", JSON.stringify({ kind: "Status", message: `scripted ${code}` }), {});
}

function mapValues(data: SecretData, change: (text: string) => string): SecretData {
  return Object.fromEntries(Object.entries(data).map(([key, text]) => [key, change(text)]));
}

const encode = (text: string) => Buffer.from(text).toString("base64");
const decode = (base64: string) => Buffer.from(base64, "base64").toString();
