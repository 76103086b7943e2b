import { fieldPath } from "../kube/json-pointer.ts";
import type {
  AdmissionRequest,
  AdmissionResponse,
  AdmissionReview,
  Effect,
  JudgedViolation,
  Outcome,
  StatusCause,
} from "./types.ts";

/** Documentation of AdmissionResponse: warnings longer than 120 characters, or many, may be cut by the API server. */
const MAX_WARNING_CHARACTERS = 120;
const MAX_WARNINGS = 10;
/** What was wrong before is not the news of an update: three of it are enough. */
const MAX_EXISTING_WARNINGS = 3;
/** A message ends up in events and terminals; an object with a thousand volumes must not fill them. */
const MAX_MESSAGE_CHARACTERS = 4000;
const MAX_AUDIT_CHARACTERS = 256;
/** Violations that a refusal names; nobody mends more at a time. */
const MAX_CAUSES = 50;

export function respond(request: AdmissionRequest, outcome: Outcome): AdmissionReview {
  return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: response(request.uid, outcome) };
}

function response(uid: string, outcome: Outcome): AdmissionResponse {
  const { allowed, judged, patches, notices } = outcome;
  const isSilent = judged.length === 0 && notices === undefined;
  if (isSilent && allowed && patches.length === 0) return { uid, allowed };
  const warnings = isSilent ? [] : warningsOf(outcome);
  const status = statusOf(outcome);
  return {
    uid,
    allowed,
    ...(status ? { status } : {}),
    // A patchType without a patch breaks the contract.
    ...(patches.length > 0 ? { patchType: "JSONPatch" as const, patch: base64(patches) } : {}),
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(judged.length > 0 ? { auditAnnotations: auditAnnotationsOf(judged) } : {}),
  };
}

function statusOf({ refusal, judged }: Outcome): AdmissionResponse["status"] {
  if (refusal) return forbidden(refusal.message.split("\n").map(escapeControls).join("\n"), refusal.causes);
  const denied = judged.filter(({ effect }) => effect === "deny");
  return denied.length === 0 ? undefined : denialOf(denied);
}

function base64(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64");
}

function forbidden(message: string, causes: readonly StatusCause[]) {
  return {
    code: 403,
    reason: "Forbidden",
    message: cut(message, MAX_MESSAGE_CHARACTERS),
    ...(causes.length > 0 ? { details: { causes: causes.slice(0, MAX_CAUSES).map(bounded) } } : {}),
  };
}

function bounded({ reason, message, field }: StatusCause): StatusCause {
  return {
    reason,
    message: cut(escapeControls(message), MAX_AUDIT_CHARACTERS),
    field: cut(escapeControls(field), MAX_AUDIT_CHARACTERS),
  };
}

/** Every violation, each with code, field and what to do; a list when there are several. */
function denialOf(denied: readonly JudgedViolation[]) {
  const named = denied.slice(0, MAX_CAUSES);
  const more = denied.length > named.length ? [`+${denied.length - named.length} more`] : [];
  const lines = [...named.map(describe), ...more];
  const message =
    lines.length === 1 ? lines.join() : `${denied.length} violations\n${lines.map((line) => `- ${line}`).join("\n")}`;
  const causes = named.map(({ violation: { code, path, message: text } }) => {
    return { reason: code, message: text, field: fieldPath(path) };
  });
  return forbidden(message, causes);
}

function describe({ policy, violation }: JudgedViolation): string {
  const message = policy.message === undefined ? "" : `${policy.message}: `;
  const runbook = policy.runbookURL === undefined ? "" : `, see ${policy.runbookURL}`;
  return `${message}${summarise(violation)} (policy ${policy.name}${runbook})`;
}

export function summarise({ code, path, message, fix }: JudgedViolation["violation"]): string {
  const field = fieldPath(path);
  return escapeControls(`${code} ${field === "" ? "" : `${field}: `}${message}${fix === undefined ? "" : `; ${fix}`}`);
}

function warningsOf({ judged, notices = [] }: Outcome): string[] {
  const linesOf = (wanted: Effect): readonly string[] =>
    judged.filter(({ effect }) => effect === wanted).map(({ violation }) => summarise(violation));
  const lapsing = judged.flatMap((entry) => (entry.isLapsing ? [announceEnd(entry)] : []));
  return [
    ...capped([...linesOf("warn"), ...lapsing, ...notices], MAX_WARNINGS - MAX_EXISTING_WARNINGS, "more"),
    ...capped(linesOf("existing"), MAX_EXISTING_WARNINGS, "more that were there before"),
  ];
}

function announceEnd({ policy, violation, exception }: JudgedViolation): string {
  return `${violation.code} passes until ${exception?.until} only (${exception?.reason}); policy ${policy.name}`;
}

/** The first `limit`, each once and short enough, and, when there are more, how many `more`: not the same words twice. */
function capped(texts: readonly string[], limit: number, more: string): readonly string[] {
  const lines = [...new Set(texts.map((text) => cut(escapeControls(text), MAX_WARNING_CHARACTERS)))];
  return lines.length <= limit ? lines : [...lines.slice(0, limit - 1), `+${lines.length - limit + 1} ${more}`];
}

/** For the audit log, where the API server puts them behind the webhook's name: so no key has a slash. */
function auditAnnotationsOf(judged: readonly JudgedViolation[]): Readonly<Record<string, string>> {
  const list = (items: readonly string[]): string => cut([...new Set(items)].join(","), MAX_AUDIT_CHARACTERS);
  return {
    policies: list(judged.map(({ policy }) => policy.name)),
    rules: list(judged.map(({ policy }) => policy.rule.id)),
    codes: list(judged.map(({ violation }) => violation.code)),
    effects: list(judged.map(({ effect }) => effect)),
  };
}

const PRINTABLE_ASCII = /^[ -~]*$/;

/** Terminals and logs obey control characters, and the API server drops a warning that has one. */
function escapeControls(text: string): string {
  if (PRINTABLE_ASCII.test(text)) return text;
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
  });
}

function cut(text: string, limit: number): string {
  // There are no more characters than UTF-16 code units.
  if (text.length <= limit) return text;
  const characters = [...text];
  return characters.length <= limit ? text : `${characters.slice(0, limit - 1).join("")}…`;
}
