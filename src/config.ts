/**
 * The settings of both programs, from the environment: the only reader of process.env.
 * What a setting is for stands in its schema's description, from which docs/configuration.md is made.
 */
import { Ajv, type ErrorObject } from "ajv";
import type { FromSchema } from "json-schema-to-ts";
import { PortcullisError } from "./errors.ts";

/** A variable's value is text. An empty variable counts as not set. */
export type Environment = Readonly<Record<string, string | undefined>>;

const PORT = { type: "integer", minimum: 1, maximum: 65535 } as const;
const LOG_LEVEL = {
  enum: ["trace", "debug", "info", "warn", "error", "fatal"],
  default: "info",
  description: "pino's level; allowed reviews are logged at debug",
} as const;
const CERT_DIR = {
  type: "string",
  default: "/etc/webhook/certs",
  description: "directory of `tls.crt`, `tls.key` and `ca.crt`; init writes it, the server only reads it",
} as const;
const POLICY_DIR = {
  type: "string",
  default: "/etc/portcullis/policies",
  description: "directory of the policies, `*.yaml`",
} as const;
/** RFC 1035 label, as a Service's name must be. */
const SERVICE_NAME = { type: "string", pattern: "^[a-z]([-a-z0-9]*[a-z0-9])?$", maxLength: 63 } as const;
/** RFC 1123 label and subdomain. */
const NAMESPACE = { type: "string", pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", maxLength: 63 } as const;
const OBJECT_NAME = {
  type: "string",
  pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
  maxLength: 253,
} as const;

const KUBECONFIG = {
  type: "string",
  description: "path of a kubeconfig, for a run outside a cluster; inside, the ServiceAccount's token is used",
} as const;
const MUTATE_CONFIG = { ...OBJECT_NAME, description: "name of the MutatingWebhookConfiguration" } as const;
const VALIDATE_CONFIG = {
  ...OBJECT_NAME,
  description: "name of the ValidatingWebhookConfiguration",
} as const;
const WEBHOOK_SERVICE = { ...SERVICE_NAME, description: "name of the Service in front of the server" } as const;
const WEBHOOK_NAMESPACE = {
  ...NAMESPACE,
  description: "namespace of the Service and the Deployment; never judged by the webhooks",
} as const;
const WEBHOOK_PORT = { ...PORT, default: 443, description: "port of that Service" } as const;
const WEBHOOK_DEPLOYMENT = { ...OBJECT_NAME, description: "name of the server's Deployment" } as const;
const EXCLUDE_NAMESPACES = {
  type: "string",
  pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?( *, *[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
  description: "namespaces, separated by commas, added to kube-system, kube-public, kube-node-lease and the own one",
} as const;
const INIT_POLICY_DIR = {
  ...POLICY_DIR,
  description: `${POLICY_DIR.description}, from which the webhooks' entries are derived`,
} as const;
const AT_LEAST_ONE_CONFIG = [{ required: ["MUTATE_CONFIG"] }, { required: ["VALIDATE_CONFIG"] }] as const;

export const SERVER_SETTINGS = {
  type: "object",
  properties: {
    CERT_DIR,
    POLICY_DIR,
    LISTEN_ADDRESS: {
      type: "string",
      description: "address of the HTTPS port; all addresses when not set",
    },
    PORT: {
      ...PORT,
      default: 8443,
      description: "HTTPS port: `POST /mutate` and `/validate`, each also with `/<entry>`",
    },
    HEALTH_PORT: { ...PORT, default: 8080, description: "plain HTTP port: `/healthz`, `/readyz`, `/metrics`" },
    DRAIN_SECONDS: {
      type: "integer",
      minimum: 0,
      maximum: 600,
      default: 15,
      description: "seconds that the server goes on serving, unready, after SIGTERM; endpoints need them to follow",
    },
    LOG_LEVEL,
  },
  required: [],
} as const;

export const INIT_SETTINGS = {
  type: "object",
  properties: {
    MUTATE_CONFIG,
    VALIDATE_CONFIG,
    WEBHOOK_SERVICE,
    WEBHOOK_NAMESPACE,
    WEBHOOK_PORT,
    CERT_DIR,
    POLICY_DIR: INIT_POLICY_DIR,
    KEY_ALGORITHM: {
      enum: ["ecdsa-p256", "rsa-2048", "rsa-4096"],
      default: "ecdsa-p256",
      description: "key of the CA and of the server's certificate",
    },
    CERT_VALIDITY: {
      type: "string",
      pattern: "^[1-9][0-9]{0,5}[smhd]$",
      description:
        "life of the certificates: a whole number and one of `s`, `m`, `h`, `d`. Where not set: `365d`, with `CERT_RENEWAL=keeper` `30d`, with `CERT_STORE=secret` `90d`",
    },
    CERT_RENEWAL: {
      enum: ["restart", "keeper"],
      default: "restart",
      description:
        "`restart`: init ends, and a new Pod is a new certificate; `keeper`: init stays as a sidecar and renews",
    },
    CERT_STORE: {
      enum: ["emptydir", "secret"],
      default: "emptydir",
      description: "`emptydir`: each Pod has a CA of its own; `secret`: all Pods share the pair in CERT_SECRET",
    },
    CERT_SECRET: { ...OBJECT_NAME, description: "name of that Secret, which must exist; with `CERT_STORE=secret`" },
    KEEPER_PORT: {
      ...PORT,
      default: 8081,
      description: "plain HTTP port of the keeper: `/healthz`, answered once its first round is done, and `/metrics`",
    },
    HEALTH_PORT: {
      ...PORT,
      default: 8080,
      description: "the server's; the keeper reads its count of TLS errors there",
    },
    POD_SELECTOR: {
      type: "string",
      maxLength: 1000,
      description:
        "label selector of the server's Pods; CAs of Pods that are gone leave the caBundle. Where not set, only expired CAs do",
    },
    OWNER_CLUSTERROLE: {
      ...OBJECT_NAME,
      description: "ClusterRole that owns the configurations which init creates: they are deleted with it",
    },
    FIRST_INSTALL: {
      enum: ["promote", "fail"],
      default: "promote",
      description:
        "`promote`: webhooks that init creates begin with `failurePolicy: Ignore` and are marked as waiting for promotion; `fail`: they begin as the policies say",
    },
    EXCLUDE_NAMESPACES,
    CA_SETTLE_MS: {
      type: "integer",
      minimum: 0,
      maximum: 60_000,
      default: 3000,
      description:
        "milliseconds between the last write of a caBundle and the use of the certificate, for every API server to hear of it",
    },
    INIT_DEADLINE_SECONDS: {
      type: "integer",
      minimum: 1,
      maximum: 3600,
      default: 120,
      description: "seconds after which init gives up on the API server",
    },
    POD_NAME: { ...OBJECT_NAME, description: "the Pod's name, by the downward API; for the log" },
    POD_UID: {
      type: "string",
      pattern: "^[0-9A-Za-z-]{1,40}$",
      description: "the Pod's UID, by the downward API; it names the CA. A random one when not set",
    },
    KUBECONFIG,
    LOG_LEVEL,
  },
  required: ["WEBHOOK_SERVICE", "WEBHOOK_NAMESPACE"],
  anyOf: AT_LEAST_ONE_CONFIG,
  if: { properties: { CERT_STORE: { const: "secret" } }, required: ["CERT_STORE"] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { required: ["CERT_SECRET"] },
} as const;

export const REGISTER_SETTINGS = {
  type: "object",
  properties: {
    MUTATE_CONFIG,
    VALIDATE_CONFIG,
    WEBHOOK_SERVICE,
    WEBHOOK_NAMESPACE,
    WEBHOOK_PORT,
    WEBHOOK_DEPLOYMENT,
    POLICY_DIR: INIT_POLICY_DIR,
    EXCLUDE_NAMESPACES,
    REGISTER_DEADLINE_SECONDS: {
      type: "integer",
      minimum: 1,
      maximum: 3600,
      default: 300,
      description: "seconds to wait for the rollout and for the canary to be refused",
    },
    KUBECONFIG,
    LOG_LEVEL,
  },
  required: ["WEBHOOK_SERVICE", "WEBHOOK_NAMESPACE", "WEBHOOK_DEPLOYMENT"],
  anyOf: AT_LEAST_ONE_CONFIG,
} as const;

export const ROTATE_SETTINGS = {
  type: "object",
  properties: { WEBHOOK_NAMESPACE, WEBHOOK_DEPLOYMENT, KUBECONFIG, LOG_LEVEL },
  required: ["WEBHOOK_NAMESPACE", "WEBHOOK_DEPLOYMENT"],
} as const;

export const CLEANUP_SETTINGS = {
  type: "object",
  properties: { WEBHOOK_SERVICE, WEBHOOK_NAMESPACE, KUBECONFIG, LOG_LEVEL },
  required: ["WEBHOOK_SERVICE", "WEBHOOK_NAMESPACE"],
} as const;

export type LogLevel = (typeof LOG_LEVEL.enum)[number];

export interface ServerConfig {
  readonly certDir: string;
  readonly policyDir: string;
  /** Undefined: all addresses. */
  readonly listenAddress: string | undefined;
  readonly port: number;
  readonly healthPort: number;
  readonly drainSeconds: number;
  readonly logLevel: LogLevel;
}

export interface InitConfig {
  readonly mutateConfig: string | undefined;
  readonly validateConfig: string | undefined;
  readonly service: string;
  readonly namespace: string;
  readonly servicePort: number;
  readonly certDir: string;
  readonly policyDir: string;
  readonly keyAlgorithm: "ecdsa-p256" | "rsa-2048" | "rsa-4096";
  readonly certValidityMs: number;
  readonly certRenewal: "restart" | "keeper";
  readonly certStore: "emptydir" | "secret";
  /** Present with certStore "secret". */
  readonly certSecret: string | undefined;
  readonly keeperPort: number;
  readonly healthPort: number;
  readonly podSelector: string | undefined;
  readonly ownerClusterRole: string | undefined;
  readonly firstInstall: "promote" | "fail";
  readonly excludeNamespaces: readonly string[];
  readonly caSettleMs: number;
  readonly deadlineMs: number;
  readonly podName: string | undefined;
  readonly podUid: string | undefined;
  readonly kubeconfig: string | undefined;
  readonly logLevel: LogLevel;
}

export interface RegisterConfig {
  readonly mutateConfig: string | undefined;
  readonly validateConfig: string | undefined;
  readonly service: string;
  readonly namespace: string;
  readonly servicePort: number;
  readonly deployment: string;
  readonly policyDir: string;
  readonly excludeNamespaces: readonly string[];
  readonly deadlineMs: number;
  readonly kubeconfig: string | undefined;
  readonly logLevel: LogLevel;
}

export interface RotateConfig {
  readonly namespace: string;
  readonly deployment: string;
  readonly kubeconfig: string | undefined;
  readonly logLevel: LogLevel;
}

export interface CleanupConfig {
  readonly service: string;
  readonly namespace: string;
  readonly kubeconfig: string | undefined;
  readonly logLevel: LogLevel;
}

/** Throws PortcullisError SETTINGS that names every variable at fault. */
export function readServerConfig(env: Environment = process.env): ServerConfig {
  const settings = readSettings<FromSchema<typeof SERVER_SETTINGS>>(SERVER_SETTINGS, env);
  return Object.freeze({
    certDir: settings.CERT_DIR,
    policyDir: settings.POLICY_DIR,
    listenAddress: settings.LISTEN_ADDRESS,
    port: settings.PORT,
    healthPort: settings.HEALTH_PORT,
    drainSeconds: settings.DRAIN_SECONDS,
    logLevel: settings.LOG_LEVEL,
  });
}

/** Throws PortcullisError SETTINGS that names every variable at fault. */
export function readInitConfig(env: Environment = process.env): InitConfig {
  const settings = readSettings<FromSchema<typeof INIT_SETTINGS>>(INIT_SETTINGS, env);
  return Object.freeze({
    mutateConfig: settings.MUTATE_CONFIG,
    validateConfig: settings.VALIDATE_CONFIG,
    service: settings.WEBHOOK_SERVICE,
    namespace: settings.WEBHOOK_NAMESPACE,
    servicePort: settings.WEBHOOK_PORT,
    certDir: settings.CERT_DIR,
    policyDir: settings.POLICY_DIR,
    keyAlgorithm: settings.KEY_ALGORITHM,
    certValidityMs: parseValidityMs(settings.CERT_VALIDITY ?? defaultValidity(settings)),
    certRenewal: settings.CERT_RENEWAL,
    certStore: settings.CERT_STORE,
    certSecret: settings.CERT_SECRET,
    keeperPort: settings.KEEPER_PORT,
    healthPort: settings.HEALTH_PORT,
    podSelector: settings.POD_SELECTOR,
    ownerClusterRole: settings.OWNER_CLUSTERROLE,
    firstInstall: settings.FIRST_INSTALL,
    excludeNamespaces: parseNamespaces(settings.EXCLUDE_NAMESPACES),
    caSettleMs: settings.CA_SETTLE_MS,
    deadlineMs: settings.INIT_DEADLINE_SECONDS * 1000,
    podName: settings.POD_NAME,
    podUid: settings.POD_UID,
    kubeconfig: settings.KUBECONFIG,
    logLevel: settings.LOG_LEVEL,
  });
}

/** Throws PortcullisError SETTINGS that names every variable at fault. */
export function readRegisterConfig(env: Environment = process.env): RegisterConfig {
  const settings = readSettings<FromSchema<typeof REGISTER_SETTINGS>>(REGISTER_SETTINGS, env);
  return Object.freeze({
    mutateConfig: settings.MUTATE_CONFIG,
    validateConfig: settings.VALIDATE_CONFIG,
    service: settings.WEBHOOK_SERVICE,
    namespace: settings.WEBHOOK_NAMESPACE,
    servicePort: settings.WEBHOOK_PORT,
    deployment: settings.WEBHOOK_DEPLOYMENT,
    policyDir: settings.POLICY_DIR,
    excludeNamespaces: parseNamespaces(settings.EXCLUDE_NAMESPACES),
    deadlineMs: settings.REGISTER_DEADLINE_SECONDS * 1000,
    kubeconfig: settings.KUBECONFIG,
    logLevel: settings.LOG_LEVEL,
  });
}

/** Throws PortcullisError SETTINGS that names every variable at fault. */
export function readRotateConfig(env: Environment = process.env): RotateConfig {
  const settings = readSettings<FromSchema<typeof ROTATE_SETTINGS>>(ROTATE_SETTINGS, env);
  return Object.freeze({
    namespace: settings.WEBHOOK_NAMESPACE,
    deployment: settings.WEBHOOK_DEPLOYMENT,
    kubeconfig: settings.KUBECONFIG,
    logLevel: settings.LOG_LEVEL,
  });
}

/** Throws PortcullisError SETTINGS that names every variable at fault. */
export function readCleanupConfig(env: Environment = process.env): CleanupConfig {
  const settings = readSettings<FromSchema<typeof CLEANUP_SETTINGS>>(CLEANUP_SETTINGS, env);
  return Object.freeze({
    service: settings.WEBHOOK_SERVICE,
    namespace: settings.WEBHOOK_NAMESPACE,
    kubeconfig: settings.KUBECONFIG,
    logLevel: settings.LOG_LEVEL,
  });
}

interface SettingsSchema {
  readonly properties: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

function readSettings<Settings>(schema: SettingsSchema, env: Environment): Settings {
  const given: Record<string, string> = {};
  const settings: Record<string, string | number> = {};
  for (const [name, property] of Object.entries(schema.properties)) {
    const value = env[name];
    if (value === undefined || value === "") continue;
    given[name] = value;
    // ajv's own coercion would take a blank for 0, and 1e3 for a port.
    settings[name] = property.type === "integer" && /^-?\d+$/.test(value) ? Number(value) : value;
  }
  const ajv = new Ajv({
    strict: true,
    strictRequired: false,
    strictTypes: false,
    allErrors: true,
    useDefaults: true,
  });
  const validate = ajv.compile<Settings>(schema);
  if (validate(settings)) return settings as Settings;
  const problems = new Set((validate.errors ?? []).flatMap((error) => describeProblem(error, given)));
  const lines = [...problems].map((problem) => `\n  ${problem}`);
  throw new PortcullisError(
    "SETTINGS",
    `${lines.length === 1 ? "a problem" : `${lines.length} problems`}${lines.join("")}`,
  );
}

function describeProblem(error: ErrorObject, given: Environment): string[] {
  if (error.keyword === "anyOf") return ["MUTATE_CONFIG or VALIDATE_CONFIG must be set"];
  // The branches of that anyOf report one variable each; together they'd ask for both.
  if (error.schemaPath.startsWith("#/anyOf")) return [];
  if (error.keyword === "if") return [];
  if (error.keyword === "required") return [`${error.params.missingProperty} must be set`];
  const name = error.instancePath.slice(1);
  return [`${name} ${expectation(error)}, not ${JSON.stringify(given[name])}`];
}

function expectation(error: ErrorObject): string {
  if (error.keyword === "enum") return `must be one of ${(error.params.allowedValues as string[]).join(", ")}`;
  if (error.keyword === "type") return "must be a whole number";
  if (error.keyword === "pattern") return `must match ${error.params.pattern}`;
  return error.message ?? "is not valid";
}

/** The longer a certificate is out of reach of a renewal, the longer it must live. */
function defaultValidity(settings: { readonly CERT_STORE: string; readonly CERT_RENEWAL: string }): string {
  if (settings.CERT_STORE === "secret") return "90d";
  return settings.CERT_RENEWAL === "keeper" ? "30d" : "365d";
}

function parseNamespaces(list = ""): readonly string[] {
  return list
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
}

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `365d` in milliseconds; the schema has checked the form. */
function parseValidityMs(text: string): number {
  return Number(text.slice(0, -1)) * UNIT_MS[text.slice(-1) as keyof typeof UNIT_MS];
}
