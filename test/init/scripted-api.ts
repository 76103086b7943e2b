/**
 * Plays kube-apiserver for the two webhook configuration resources: GET, POST, and PATCH by strategic merge under
 * resourceVersion. A fake, because a real API server can't be made to answer 503 twice, to end a connection once it has
 * stored what it was sent, to have a wrong clock, or to let another writer in between two given requests. That a real
 * one understands what init sends is shown in test/cluster.
 */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import {
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { ConfigurationKind } from "../../src/registration/configuration.ts";
import { issueCertificates } from "../../src/tls/issue.ts";
import { serverName } from "../../src/tls/profile.ts";
import { type ConfigurationStore, createStore, type StoredConfiguration } from "./configuration-store.ts";

export type Verb = "get" | "create" | "patch";

export interface ReceivedRequest {
  readonly verb: Verb;
  readonly kind: ConfigurationKind;
  readonly name: string;
  readonly fieldManager: string | null;
  readonly contentType: string | undefined;
  readonly body: unknown;
}

/** What is different about the next request that it fits. */
export interface Step {
  /** Default: any. */
  readonly verb?: Verb;
  readonly kind?: ConfigurationKind;
  /** For how many requests; default 1. */
  readonly times?: number;
  /** What another client does just before this request is carried out, and just after. */
  readonly before?: () => void;
  readonly after?: () => void;
  readonly delayMs?: number;
  /** A status, or the end of the connection, and the request is not carried out; `lost`: it is, and nobody hears of it. */
  readonly answer?: number | "cut" | "lost";
}

export interface ScriptedApi extends Pick<ConfigurationStore, "get" | "put" | "delete"> {
  readonly kubeconfig: string;
  readonly requests: readonly ReceivedRequest[];
  connectionCount(): number;
  /** What another path answers from now on: an object, or a status. */
  answerAt(path: string, answer: object | number): void;
  /** What the `Date` of an answer is taken from. */
  setClock(now: () => Date): void;
  /** Every request takes the first of the steps that fits it and isn't used up. */
  script(...steps: Step[]): void;
  close(): Promise<void>;
}

const HOUR_MS = 3_600_000;
const NAMES = { service: "scripted-api", namespace: "test" };
const KINDS: Readonly<Record<string, ConfigurationKind>> = {
  mutatingwebhookconfigurations: "MutatingWebhookConfiguration",
  validatingwebhookconfigurations: "ValidatingWebhookConfiguration",
};
const VERBS: Readonly<Record<string, Verb>> = { GET: "get", POST: "create", PATCH: "patch" };

export async function startScriptedApi(): Promise<ScriptedApi> {
  const store = createStore();
  const requests: ReceivedRequest[] = [];
  const script: { readonly step: Step; timesLeft: number }[] = [];
  // What everybody may read once the roles are known.
  const others = new Map<string, object | number>([["/version", { major: "1", minor: "36" }]]);
  let connectionCount = 0;
  let now = () => new Date();

  async function handle(request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
    const other = others.get(request.url?.split("?")[0] ?? "");
    if (other !== undefined) return send(response, typeof other === "number" ? failure(other) : [200, other]);
    const received = await receive(request);
    requests.push(received);
    const entry = script.find(({ step, timesLeft }) => timesLeft > 0 && fits(step, received));
    if (entry) entry.timesLeft--;
    const { before, after, delayMs = 0, answer } = entry?.step ?? {};
    await sleep(delayMs);
    before?.();
    if (answer === "cut") return request.stream.session?.destroy();
    const outcome = typeof answer === "number" ? failure(answer) : carryOut(store, received);
    after?.();
    if (answer === "lost") return request.stream.session?.destroy();
    send(response, outcome);
  }

  function send(response: Http2ServerResponse, [status, body]: [number, object]): void {
    response.writeHead(status, { "Content-Type": "application/json", Date: now().toUTCString() });
    response.end(JSON.stringify(body));
  }

  const { caPem, certPem, keyPem } = issueCertificates({
    names: NAMES,
    keyAlgorithm: "ecdsa-p256",
    notBefore: new Date(Date.now() - HOUR_MS),
    notAfter: new Date(Date.now() + HOUR_MS),
  });
  // HTTP/2, as kube-apiserver chooses when the client offers it.
  const server = createSecureServer(
    { cert: certPem, key: keyPem },
    (request, response) => void handle(request, response),
  );
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    connectionCount++;
    sessions.add(session);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const directory = mkdtempSync(join(tmpdir(), "portcullis-scripted-api-"));
  const kubeconfig = join(directory, "kubeconfig");
  writeFileSync(kubeconfig, renderKubeconfig((server.address() as AddressInfo).port, caPem));

  return {
    get: store.get,
    put: store.put,
    delete: store.delete,
    kubeconfig,
    requests,
    connectionCount: () => connectionCount,
    answerAt: (path, answer) => void others.set(path, answer),
    setClock(clock) {
      now = clock;
    },
    script(...steps) {
      script.push(...steps.map((step) => ({ step, timesLeft: step.times ?? 1 })));
    },
    async close() {
      server.close();
      for (const session of sessions) session.destroy();
      await once(server, "close");
      rmSync(directory, { recursive: true });
    },
  };
}

async function receive(request: Http2ServerRequest): Promise<ReceivedRequest> {
  const url = new URL(request.url ?? "", "https://scripted-api");
  const [, plural = "", nameInPath] =
    /^\/apis\/admissionregistration\.k8s\.io\/v1\/(\w+)(?:\/(.+))?$/.exec(url.pathname) ?? [];
  const verb = VERBS[request.method ?? ""];
  const kind = KINDS[plural];
  if (!verb || !kind) throw new Error(`nothing that init should ask for: ${request.method} ${request.url}`);
  const bodyText = await text(request);
  const body: unknown = bodyText === "" ? undefined : JSON.parse(bodyText);
  const name = nameInPath ?? (body as StoredConfiguration).metadata.name;
  const fieldManager = url.searchParams.get("fieldManager");
  return { verb, kind, name, fieldManager, contentType: request.headers["content-type"], body };
}

function fits(step: Step, { verb, kind }: ReceivedRequest): boolean {
  return (step.verb ?? verb) === verb && (step.kind ?? kind) === kind;
}

function carryOut(store: ConfigurationStore, { verb, kind, name, body }: ReceivedRequest): [number, object] {
  switch (verb) {
    case "get":
      return answerWith(200, store.get(kind, name) ?? 404);
    case "create": {
      const result = store.create(kind, body as StoredConfiguration);
      return answerWith(201, result === "exists" ? 409 : result);
    }
    case "patch": {
      const result = store.patch(kind, name, body as object);
      return answerWith(200, result === "missing" ? 404 : result === "stale" ? 409 : result);
    }
  }
}

function answerWith(status: number, result: StoredConfiguration | 404 | 409): [number, object] {
  return typeof result === "number" ? failure(result) : [status, result];
}

function failure(code: number): [number, object] {
  return [code, { apiVersion: "v1", kind: "Status", status: "Failure", code, message: `scripted ${code}` }];
}

/** JSON is YAML. The certificate is for a Service's name, as all of ours are, and not for 127.0.0.1. */
function renderKubeconfig(port: number, caPem: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: "scripted",
        cluster: {
          server: `https://127.0.0.1:${port}`,
          "certificate-authority-data": Buffer.from(caPem).toString("base64"),
          "tls-server-name": serverName(NAMES.service, NAMES.namespace),
        },
      },
    ],
    users: [{ name: "init", user: { token: "a-token" } }],
    contexts: [{ name: "scripted", context: { cluster: "scripted", user: "init" } }],
    "current-context": "scripted",
  });
}
