/**
 * Every setting of every program, as JSON Schema: what it may be, what it is when it isn't set, and what it is for.
 * docs/configuration.md is made from this; config.ts reads the environment by it.
 */

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
      description: "address of both ports; all addresses when not set",
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
      description:
        "seconds that the server goes on serving, unready, after SIGTERM; endpoints need them to follow. The Pod's `terminationGracePeriodSeconds` has to be 45 more",
    },
    CLIENT_CA_FILE: {
      type: "string",
      description:
        "file of CAs, in PEM: only callers with a client certificate of theirs get an answer. Where not set, everybody does; docs/caller-authentication.md",
    },
    CLIENT_NAMES: {
      type: "string",
      pattern: "^[^,\\s][^,]*(,[^,]+)*$",
      description: "common names of those certificates, separated by commas; with `CLIENT_CA_FILE`",
    },
    LOG_LEVEL,
  },
  required: [],
  dependencies: { CLIENT_CA_FILE: ["CLIENT_NAMES"], CLIENT_NAMES: ["CLIENT_CA_FILE"] },
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
