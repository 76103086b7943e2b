/** Label keys and values as the API server takes them, and as a line of YAML. */

/** A pattern of JSON Schema: a DNS-1123 subdomain of at most 253 and a slash, if any, before at most 63 characters. */
export const LABEL_KEY =
  "^(?![^/]{254})([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
/** 253 for the prefix, 63 for the name, and the slash. */
export const LABEL_KEY_LENGTH = 317;
/** A pattern of JSON Schema: at most 63 characters, or none. */
export const LABEL_VALUE = "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$";
const LABEL_VALUE_REGEX = new RegExp(LABEL_VALUE);
const LABEL_NAME = "at most 63 letters, digits, -, _ and ., with a letter or digit at both ends";
/** A pattern above in words. */
export const LABEL_SYNTAX: Readonly<Record<string, string>> = {
  [LABEL_KEY]: `a label key (${LABEL_NAME}, perhaps behind a DNS name of at most 253 and a slash)`,
  [LABEL_VALUE]: `a label value (${LABEL_NAME})`,
};
/** What YAML reads back as a string: not a number, nor a word for true, false and null in YAML 1.1 or 1.2. */
const PLAIN_STRING = /^(?!(?:true|false|yes|no|on|off|y|n|null)$)[a-z][-a-z0-9_./]*$/i;

export function isLabelValue(value: string): boolean {
  return LABEL_VALUE_REGEX.test(value);
}

/** A label as one line of YAML, with a place-holder where no value is known that could stand there. */
export function writeLabel(key: string, value: string | undefined): string {
  return `${writeString(key)}: ${value !== undefined && isLabelValue(value) ? writeString(value) : "<value>"}`;
}

function writeString(text: string): string {
  return PLAIN_STRING.test(text) ? text : `'${text}'`;
}
