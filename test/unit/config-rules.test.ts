/** What holds between variables, and how a fault is put into words. */
import { describe, expect, it } from "vitest";
import { type Environment, readInitConfig, readServerConfig } from "../../src/config.ts";

const WHO = { WEBHOOK_SERVICE: "portcullis", WEBHOOK_NAMESPACE: "policy" };
const DAY_MS = 24 * 60 * 60 * 1000;

function init(env: Environment) {
  return readInitConfig({ ...WHO, MUTATE_CONFIG: "portcullis", ...env });
}

/** The error that reading ends with: a count, and a line for each variable. */
function saying(...lines: readonly string[]): Error {
  return expect.objectContaining({ code: "SETTINGS", message: lines.join("\n  ") });
}

describe("a wrong setting", () => {
  it.each<[Environment, string]>([
    [{ PORT: "https" }, 'PORT must be a whole number, not "https"'],
    [{ PORT: "0" }, 'PORT must be >= 1, not "0"'],
    [{ LOG_LEVEL: "loud" }, 'LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, not "loud"'],
  ])("is told by name, with what it must be and what it is: %j", (env, expected) => {
    expect(() => readServerConfig(env)).toThrow(saying("a problem", expected));
  });

  it("is told with all the others", () => {
    expect(() => readServerConfig({ PORT: "x", DRAIN_SECONDS: "-1" })).toThrow(
      saying("2 problems", 'PORT must be a whole number, not "x"', 'DRAIN_SECONDS must be >= 0, not "-1"'),
    );
  });

  it("that is missing is told by name", () => {
    expect(() => readInitConfig({ MUTATE_CONFIG: "m" })).toThrow(
      saying("2 problems", "WEBHOOK_SERVICE must be set", "WEBHOOK_NAMESPACE must be set"),
    );
  });
});

describe("the settings of init", () => {
  it("name one configuration at least, either", () => {
    expect(readInitConfig({ ...WHO, VALIDATE_CONFIG: "v" }).mutateConfig).toBeUndefined();
    expect(() => readInitConfig(WHO)).toThrow(saying("a problem", "MUTATE_CONFIG or VALIDATE_CONFIG must be set"));
  });

  it("name the Secret where there is one to share", () => {
    expect(() => init({ CERT_STORE: "secret" })).toThrow(saying("a problem", "CERT_SECRET must be set"));
    expect(init({ CERT_STORE: "secret", CERT_SECRET: "tls" }).certSecret).toBe("tls");
  });

  it.each<[Environment, number]>([
    [{}, 365],
    [{ CERT_RENEWAL: "keeper" }, 30],
    [{ CERT_STORE: "secret", CERT_SECRET: "tls" }, 90],
    [{ CERT_STORE: "secret", CERT_SECRET: "tls", CERT_RENEWAL: "keeper" }, 90],
    [{ CERT_RENEWAL: "keeper", CERT_VALIDITY: "7d" }, 7],
  ])("let certificates live as long as nobody renews them: %j, %d days", (env, days) => {
    expect(init(env).certValidityMs).toBe(days * DAY_MS);
  });

  it.each([
    ["45s", 45_000],
    ["90m", 5_400_000],
    ["36h", 129_600_000],
    ["1d", 86_400_000],
  ])("take CERT_VALIDITY %s for %d milliseconds", (text, expected) => {
    expect(init({ CERT_VALIDITY: text }).certValidityMs).toBe(expected);
  });
});
