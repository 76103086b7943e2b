/** What the name of a variable lets one guess. Every pattern is without repetition: time is linear in the name. */

const SECRET = /password|passwd|passphrase|secret|token|bearer|api_?key|private_?key|credential|_pass$/i;
const ACCESS_KEY = /access_?key/i;
/** An access key is half of a pair, whose other half is the secret; but Azure's is the secret itself. */
const IDENTITY = /(?:access_?key(?:_?id)?|_root_user)$/i;
const AZURE = /azure/i;
/** Where a secret is, or something about it. Google's variable is always the path of a file. */
const NO_SECRET =
  /_(?:file|path|dir|name|url|ttl|enabled)$|_token_file|allow_empty_password|^google_application_credentials$/i;

export type NameTest = (name: string) => boolean;

/** `isSecretName`: the policy's own word, which goes before the exceptions. */
export function natureOf(name: string, isSecretName: NameTest): "secret" | "identity" | undefined {
  const isException = NO_SECRET.test(name);
  if ((!isException && SECRET.test(name)) || isSecretName(name)) return "secret";
  if (isException) return undefined;
  if (IDENTITY.test(name) && !AZURE.test(name)) return "identity";
  return ACCESS_KEY.test(name) ? "secret" : undefined;
}

/** Whether a name matches one of the patterns, which have `*` at an end or at both; case doesn't count. */
export function compileNames(patterns: readonly string[]): NameTest {
  const tests = patterns.map((pattern) => compileName(pattern.toLowerCase()));
  return (name) => {
    const lower = name.toLowerCase();
    return tests.some((matches) => matches(lower));
  };
}

function compileName(pattern: string): NameTest {
  const text = pattern.replaceAll("*", "");
  if (pattern.startsWith("*")) {
    return pattern.endsWith("*") ? (name) => name.includes(text) : (name) => name.endsWith(text);
  }
  return pattern.endsWith("*") ? (name) => name.startsWith(text) : (name) => name === text;
}
