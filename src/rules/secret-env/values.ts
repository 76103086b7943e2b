/** What the value of a variable shows, in time linear in its length. Nothing here hands a value on. */

/** UTF-16 code units: Linux's MAX_ARG_STRLEN, beyond which no process starts with the variable. */
const MAX_LENGTH = 128 * 1024;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----/;
/** What ends the authority of a URL, by itself or in a text around it. */
const AUTHORITY_END = /[/?#\s"'<>]/g;

export function faultOf(value: string): "SEC-ENV-KEY" | "SEC-ENV-URL" | undefined {
  const head = value.slice(0, MAX_LENGTH);
  if (PRIVATE_KEY.test(head)) return "SEC-ENV-KEY";
  return holdsPasswordInUrl(head) ? "SEC-ENV-URL" : undefined;
}

/** Whether a variable with the name of a secret can hold one: it is not empty, a switch, or made of `$(VAR)`s alone. */
export function canBeSecret(value: string): boolean {
  return !isReference(value.slice(0, MAX_LENGTH)) && !/^(?:true|false)$/i.test(value);
}

/** Nothing but variables that Kubernetes fills in; `$$(VAR)` is the text `$(VAR)`. */
function isReference(text: string): boolean {
  return text.replaceAll(/\$\([^()]*\)/g, "") === "";
}

function holdsPasswordInUrl(text: string): boolean {
  // An authority ends before the slashes of the next one, so that no character is looked at twice.
  for (let at = text.indexOf("://"); at !== -1; at = text.indexOf("://", at + 3)) {
    if (at === 0 || !/[a-z0-9+.-]/i.test(text.charAt(at - 1))) continue;
    AUTHORITY_END.lastIndex = at + 3;
    const end = AUTHORITY_END.exec(text)?.index ?? text.length;
    const authority = text.slice(at + 3, end);
    const user = authority.slice(0, Math.max(authority.lastIndexOf("@"), 0));
    const colon = user.indexOf(":");
    if (colon !== -1 && !isReference(user.slice(colon + 1))) return true;
  }
  return false;
}
