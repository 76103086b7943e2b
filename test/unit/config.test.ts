/** Every variable of every program: what it is when nobody sets it, what it becomes, and what it may not be. */
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import type { Environment } from "../../src/config.ts";
import * as config from "../../src/config.ts";
import { PortcullisError } from "../../src/errors.ts";
import * as settings from "../../src/settings.ts";

interface Variable {
  readonly field: string;
  /** Absent for one that must be set. */
  readonly fallback?: unknown;
  /** A text, and what the program makes of it. */
  readonly given: readonly [string, unknown];
  readonly wrong?: readonly string[];
}

interface Program {
  readonly read: (env?: Environment) => object;
  readonly schema: { readonly properties: Readonly<Record<string, { readonly description: string }>> };
  readonly variables: Readonly<Record<string, Variable>>;
}

function text(field: string, given: string, wrong: readonly string[] = [], fallback?: string): Variable {
  return { field, fallback, given: [given, given], wrong };
}

function port(field: string, fallback: number): Variable {
  return { field, fallback, given: ["9443", 9443], wrong: ["https", "8443.5", "0", "-1", "65536", "443/tcp"] };
}

/** Seconds that the program counts in milliseconds. */
function deadline(fallback: number): Variable {
  return { field: "deadlineMs", fallback, given: ["7", 7000], wrong: ["0", "3601", "7s"] };
}

const DAY_MS = 24 * 60 * 60 * 1000;
const WRONG_NAMES = ["Portcullis", "a..b", "-a", "a/b", "a".repeat(254)];
const LOG_LEVEL = text("logLevel", "debug", ["verbose", "INFO"], "info");
const KUBECONFIG = text("kubeconfig", "/home/alice/.kube/config");
const CERT_DIR = text("certDir", "/certs", [], "/etc/webhook/certs");
const POLICY_DIR = text("policyDir", "/policies", [], "/etc/portcullis/policies");
const CONFIGURATIONS = {
  MUTATE_CONFIG: text("mutateConfig", "mutate", WRONG_NAMES),
  VALIDATE_CONFIG: text("validateConfig", "validate.example.org", WRONG_NAMES),
};
const WEBHOOK_SERVICE = text("service", "webhook", ["1webhook", "a.b", "s".repeat(64)]);
const WEBHOOK_NAMESPACE = text("namespace", "7-of-9", ["kube.system", "Policy", "n".repeat(64)]);
const WEBHOOK_DEPLOYMENT = text("deployment", "portcullis", WRONG_NAMES);
const WEBHOOK_PORT = port("servicePort", 443);
const EXCLUDE_NAMESPACES: Variable = {
  field: "excludeNamespaces",
  fallback: [],
  given: ["velero , cert-manager,a", ["velero", "cert-manager", "a"]],
  wrong: ["velero;cert-manager", "velero,,a", ",velero", "Velero"],
};

const PROGRAMS: Readonly<Record<string, Program>> = {
  server: {
    read: config.readServerConfig,
    schema: settings.SERVER_SETTINGS,
    variables: {
      CERT_DIR,
      POLICY_DIR,
      LISTEN_ADDRESS: text("listenAddress", "127.0.0.1"),
      PORT: port("port", 8443),
      HEALTH_PORT: port("healthPort", 8080),
      DRAIN_SECONDS: { field: "drainSeconds", fallback: 15, given: ["0", 0], wrong: ["15s", "-1", "601", "1.5"] },
      CLIENT_CA_FILE: text("clientCaFile", "/etc/portcullis/client-ca.crt"),
      CLIENT_NAMES: {
        field: "clientNames",
        fallback: [],
        given: ["kube-apiserver, front proxy", ["kube-apiserver", "front proxy"]],
        wrong: [",a", "a,,b", " "],
      },
      LOG_LEVEL,
    },
  },
  init: {
    read: config.readInitConfig,
    schema: settings.INIT_SETTINGS,
    variables: {
      ...CONFIGURATIONS,
      WEBHOOK_SERVICE,
      WEBHOOK_NAMESPACE,
      WEBHOOK_PORT,
      CERT_DIR,
      POLICY_DIR,
      KEY_ALGORITHM: text("keyAlgorithm", "rsa-2048", ["dsa", "ed25519"], "ecdsa-p256"),
      CERT_VALIDITY: {
        field: "certValidityMs",
        fallback: 365 * DAY_MS,
        given: ["90m", 90 * 60_000],
        wrong: ["1y", "0d", "1.5h", "-1d", "90", "1234567s"],
      },
      CERT_RENEWAL: text("certRenewal", "keeper", ["never"], "restart"),
      CERT_STORE: text("certStore", "secret", ["Secret", "vault"], "emptydir"),
      CERT_SECRET: text("certSecret", "portcullis-tls", WRONG_NAMES),
      KEEPER_PORT: port("keeperPort", 8081),
      HEALTH_PORT: port("healthPort", 8080),
      POD_SELECTOR: text("podSelector", "app=portcullis", ["x".repeat(1001)]),
      OWNER_CLUSTERROLE: text("ownerClusterRole", "portcullis-init", WRONG_NAMES),
      FIRST_INSTALL: text("firstInstall", "fail", ["ignore", "Fail"], "promote"),
      EXCLUDE_NAMESPACES,
      CA_SETTLE_MS: { field: "caSettleMs", fallback: 3000, given: ["0", 0], wrong: ["-1", "60001", "3s"] },
      INIT_DEADLINE_SECONDS: deadline(120_000),
      POD_NAME: text("podName", "portcullis-5d4f-x2", WRONG_NAMES),
      POD_UID: text("podUid", "6f2b8c1e-0d7a-4a53-9c55-2f0f3a1d7e10", ["a b", "u".repeat(41)]),
      KUBECONFIG,
      LOG_LEVEL,
    },
  },
  register: {
    read: config.readRegisterConfig,
    schema: settings.REGISTER_SETTINGS,
    variables: {
      ...CONFIGURATIONS,
      WEBHOOK_SERVICE,
      WEBHOOK_NAMESPACE,
      WEBHOOK_PORT,
      WEBHOOK_DEPLOYMENT,
      POLICY_DIR,
      EXCLUDE_NAMESPACES,
      REGISTER_DEADLINE_SECONDS: deadline(300_000),
      KUBECONFIG,
      LOG_LEVEL,
    },
  },
  rotate: {
    read: config.readRotateConfig,
    schema: settings.ROTATE_SETTINGS,
    variables: { WEBHOOK_NAMESPACE, WEBHOOK_DEPLOYMENT, KUBECONFIG, LOG_LEVEL },
  },
  cleanup: {
    read: config.readCleanupConfig,
    schema: settings.CLEANUP_SETTINGS,
    variables: { WEBHOOK_SERVICE, WEBHOOK_NAMESPACE, KUBECONFIG, LOG_LEVEL },
  },
};

/** What is said about each variable at fault. */
function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(PortcullisError);
    expect(error).toMatchObject({ code: "SETTINGS" });
    const [first, ...problems] = (error as Error).message.split("\n  ");
    expect(first).toBe(problems.length === 1 ? "a problem" : `${problems.length} problems`);
    return problems;
  }
  return [];
}

const REQUIRED = ["WEBHOOK_SERVICE", "WEBHOOK_NAMESPACE", "WEBHOOK_DEPLOYMENT", "MUTATE_CONFIG"];

describe.each(Object.entries(PROGRAMS))("the settings of %s", (_program, { read, schema, variables }) => {
  const given = Object.fromEntries(Object.entries(variables).map(([name, variable]) => [name, variable.given[0]]));
  const minimum = Object.fromEntries(Object.entries(given).filter(([name]) => REQUIRED.includes(name)));

  it("are all in the table of this test, and each says what it is for", () => {
    expect(Object.keys(variables)).toEqual(Object.keys(schema.properties));
    for (const { description } of Object.values(schema.properties)) expect(description).toMatch(/\w{3}/);
  });

  it("are a schema as JSON Schema's own has it, which the programs take for granted", () => {
    expect(new Ajv().validateSchema(schema)).toBe(true);
  });

  it("have their defaults where they are not set, or empty", () => {
    const expected = Object.entries(variables).map(([name, variable]) => [
      variable.field,
      name in minimum ? variable.given[1] : variable.fallback,
    ]);
    const empty = Object.fromEntries(Object.keys(variables).map((name) => [name, ""]));
    expect(read(minimum)).toEqual(Object.fromEntries(expected));
    expect(read({ ...empty, ...minimum })).toEqual(read(minimum));
  });

  it("come from their variables", () => {
    const expected = Object.values(variables).map((variable) => [variable.field, variable.given[1]]);
    expect(read(given)).toEqual(Object.fromEntries(expected));
  });

  it("can't be changed once they are read, nor by variables that are somebody else's", () => {
    expect(read({ ...minimum, PATH: "/bin", constructor: "x" })).toEqual(read(minimum));
    expect(Object.isFrozen(read(minimum))).toBe(true);
  });

  const wrong = Object.entries(variables).flatMap(([name, variable]) =>
    (variable.wrong ?? []).map((value) => [name, value] as const),
  );
  it.each(wrong)("don't take %s=%s", (name, value) => {
    const [problem = "", ...others] = problemsOf(() => read({ ...given, [name]: value }));
    expect(others).toEqual([]);
    expect(problem).toMatch(new RegExp(`^${name} must `));
    expect(problem.endsWith(`, not ${JSON.stringify(value)}`)).toBe(true);
  });

  it("are complained about all at once, where all that must be set are missing and all else is wrong", () => {
    const env = Object.fromEntries(wrong.filter(([name]) => !(name in minimum)).map(([name, value]) => [name, value]));
    const named = problemsOf(() => read(env)).map((problem) => problem.split(" must")[0]);
    const missing = Object.keys(minimum).filter((name) => name !== "MUTATE_CONFIG");
    expect(named.sort()).toEqual(expect.arrayContaining([...missing, ...Object.keys(env)].sort()));
  });
});

it("CLIENT_CA_FILE and CLIENT_NAMES are set together or not at all", () => {
  const read = (env: Environment) => problemsOf(() => config.readServerConfig(env));
  expect(read({ CLIENT_CA_FILE: "/ca.crt" })).toEqual(["CLIENT_NAMES must be set where CLIENT_CA_FILE is"]);
  expect(read({ CLIENT_NAMES: "kube-apiserver" })).toEqual(["CLIENT_CA_FILE must be set where CLIENT_NAMES is"]);
});
