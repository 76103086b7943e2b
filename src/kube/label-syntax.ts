/** Label keys and values as the API server takes them, and as a line of YAML. */

/** A pattern of JSON Schema: a DNS-1123 subdomain and a slash, if any, before at most 63 characters. */
export const LABEL_KEY =
  "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
/** 253 for the prefix, 63 for the name, and the slash. */
export const LABEL_KEY_LENGTH = 317;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
/** What YAML reads back as a string: not a number, nor a word for true, false and null in YAML 1.1 or 1.2. */
const PLAIN_STRING = /^(?!(?:true|false|yes|no|on|off|y|n|null)$)[a-z][-a-z0-9_./]*$/i;

export function isLabelValue(value: string): boolean {
  return LABEL_VALUE.test(value);
}

/** A label as one line of YAML, with a place-holder where no value is known that could stand there. */
export function writeLabel(key: string, value: string | undefined): string {
  return `${writeString(key)}: ${value !== undefined && isLabelValue(value) ? writeString(value) : "<value>"}`;
}

function writeString(text: string): string {
  return PLAIN_STRING.test(text) ? text : `'${text}'`;
}
