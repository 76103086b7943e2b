/**
 * The settings of all programs, from the environment: the only reader of process.env. What each is for: settings.ts.
 */
import type { ErrorObject } from "ajv";
import type { FromSchema } from "json-schema-to-ts";
import { PortcullisError } from "./errors.ts";
import {
  CLEANUP_SETTINGS,
  INIT_SETTINGS,
  type LogLevel,
  REGISTER_SETTINGS,
  ROTATE_SETTINGS,
  SERVER_SETTINGS,
} from "./settings.ts";
import { validatorOf } from "./validators.ts";

/** A variable's value is text. An empty variable counts as not set. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface ServerConfig {
  readonly certDir: string;
  readonly policyDir: string;
  /** Undefined: all addresses. */
  readonly listenAddress: string | undefined;
  readonly port: number;
  readonly healthPort: number;
  readonly drainSeconds: number;
  /** Undefined: callers are not asked who they are. */
  readonly clientCaFile: string | undefined;
  /** Common names. */
  readonly clientNames: readonly string[];
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
  const settings = readSettings<FromSchema<typeof SERVER_SETTINGS>>("server", SERVER_SETTINGS, env);
  return Object.freeze({
    certDir: settings.CERT_DIR,
    policyDir: settings.POLICY_DIR,
    listenAddress: settings.LISTEN_ADDRESS,
    port: settings.PORT,
    healthPort: settings.HEALTH_PORT,
    drainSeconds: settings.DRAIN_SECONDS,
    clientCaFile: settings.CLIENT_CA_FILE,
    clientNames: parseList(settings.CLIENT_NAMES),
    logLevel: settings.LOG_LEVEL,
  });
}

/** Throws PortcullisError SETTINGS that names every variable at fault. */
export function readInitConfig(env: Environment = process.env): InitConfig {
  const settings = readSettings<FromSchema<typeof INIT_SETTINGS>>("init", INIT_SETTINGS, env);
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
    excludeNamespaces: parseList(settings.EXCLUDE_NAMESPACES),
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
  const settings = readSettings<FromSchema<typeof REGISTER_SETTINGS>>("register", REGISTER_SETTINGS, env);
  return Object.freeze({
    mutateConfig: settings.MUTATE_CONFIG,
    validateConfig: settings.VALIDATE_CONFIG,
    service: settings.WEBHOOK_SERVICE,
    namespace: settings.WEBHOOK_NAMESPACE,
    servicePort: settings.WEBHOOK_PORT,
    deployment: settings.WEBHOOK_DEPLOYMENT,
    policyDir: settings.POLICY_DIR,
    excludeNamespaces: parseList(settings.EXCLUDE_NAMESPACES),
    deadlineMs: settings.REGISTER_DEADLINE_SECONDS * 1000,
    kubeconfig: settings.KUBECONFIG,
    logLevel: settings.LOG_LEVEL,
  });
}

/** Throws PortcullisError SETTINGS that names every variable at fault. */
export function readRotateConfig(env: Environment = process.env): RotateConfig {
  const settings = readSettings<FromSchema<typeof ROTATE_SETTINGS>>("rotate", ROTATE_SETTINGS, env);
  return Object.freeze({
    namespace: settings.WEBHOOK_NAMESPACE,
    deployment: settings.WEBHOOK_DEPLOYMENT,
    kubeconfig: settings.KUBECONFIG,
    logLevel: settings.LOG_LEVEL,
  });
}

/** Throws PortcullisError SETTINGS that names every variable at fault. */
export function readCleanupConfig(env: Environment = process.env): CleanupConfig {
  const settings = readSettings<FromSchema<typeof CLEANUP_SETTINGS>>("cleanup", CLEANUP_SETTINGS, env);
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

function readSettings<Settings>(program: string, schema: SettingsSchema, env: Environment): Settings {
  const given: Record<string, string> = {};
  const settings: Record<string, string | number> = {};
  for (const [name, property] of Object.entries(schema.properties)) {
    const value = env[name];
    if (value === undefined || value === "") continue;
    given[name] = value;
    // ajv's own coercion would take a blank for 0, and 1e3 for a port.
    settings[name] = property.type === "integer" && /^-?\d+$/.test(value) ? Number(value) : value;
  }
  const validate = validatorOf<Settings>(`settings/${program}`, schema);
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
  if (error.keyword === "dependencies") {
    return [`${error.params.missingProperty} must be set where ${error.params.property} is`];
  }
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

function parseList(list = ""): readonly string[] {
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
