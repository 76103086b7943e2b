/** What ajv finds, in words: where, what was expected, what came, and what was perhaps meant. */
import type { ErrorObject } from "ajv";
import { fieldPath, pointerSegment } from "../kube/json-pointer.ts";
import { LABEL_SYNTAX } from "../kube/label-syntax.ts";
import { nearMiss } from "../kube/near-miss.ts";
import type { Document, Problem } from "./document.ts";

/** Nobody mends more at a time, and a document can have as many as it has lines. */
const MAX_PROBLEMS = 50;

/** `base`: the pointer of what was validated, in its document. */
export function describeErrors(document: Document, base: string, errors: readonly ErrorObject[]): Problem[] {
  return (
    errors
      // `not`, `if` and `anyOf` fail as one, and say so themselves; what their branches say is only half of it. `propertyNames` says
      // less than what it has found.
      .filter(
        ({ keyword, schemaPath }) =>
          !["if", "propertyNames"].includes(keyword) && !/\/(?:not|anyOf\/\d+)\//.test(schemaPath),
      )
      .slice(0, MAX_PROBLEMS)
      .map((error) => describeProblem(document, base + error.instancePath + extraKey(error), expectation(error)))
  );
}

export function describeProblem(document: Document, pointer: string, expectationText: string): Problem {
  const field = fieldPath(pointer);
  return document.problem(pointer, field === "" ? expectationText : `${field}: ${expectationText}`);
}

function extraKey({ keyword, params, propertyName }: ErrorObject): string {
  const key = keyword === "additionalProperties" ? String(params.additionalProperty) : propertyName;
  return key === undefined ? "" : `/${pointerSegment(key)}`;
}

function expectation(error: ErrorObject): string {
  const { keyword, params, data, parentSchema } = error;
  const got = JSON.stringify(data)?.slice(0, 80) ?? "nothing";
  switch (keyword) {
    case "required":
      return `${params.missingProperty} is missing${missingRemark(String(params.missingProperty))}`;
    case "additionalProperties": {
      const known = Object.keys((parentSchema?.properties as object | undefined) ?? {});
      return `no such field${suggest(String(params.additionalProperty), known)}`;
    }
    case "enum":
      return `must be one of ${(params.allowedValues as unknown[]).join(", ")}, not ${got}${didYouMean(String(data), params.allowedValues as string[])}`;
    case "const":
      return `must be ${params.allowedValue}, not ${got}`;
    case "type":
      return `must be of type ${params.type}, not ${got}`;
    case "pattern": {
      const syntax = LABEL_SYNTAX[params.pattern];
      return `must ${syntax === undefined ? `match pattern "${params.pattern}"` : `be ${syntax}`}, not ${got}`;
    }
    case "not":
      return "Deny and Warn exclude each other; choose one";
    case "anyOf":
      return expectationOfAny(error.schema as readonly Branch[], got);
    case "false schema":
      return error.instancePath.endsWith("/values")
        ? "only In and NotIn have values"
        : "only a ServiceAccount has a namespace";
    default:
      return `${error.message ?? keyword}, not ${got}`;
  }
}

interface Branch {
  readonly required?: readonly string[];
  readonly type?: string;
}

/** Of an exception, what it lets through; else of a value that may be of several types. */
function expectationOfAny(branches: readonly Branch[], got: string): string {
  const fields = branches.flatMap(({ required = [] }) => required);
  if (fields.length > 0) return `needs ${fields.join(" or ")}: what it lets through`;
  return `must be of type ${branches.map(({ type }) => type).join(" or ")}, not ${got}`;
}

function missingRemark(property: string): string {
  if (property === "until") return ": an exception has to end; write the last day as YYYY-MM-DD";
  return property === "reason" ? ": say why, for example with a ticket" : "";
}

/** The one that was perhaps meant, or all that there are. */
export function suggest(text: string, known: readonly string[]): string {
  return didYouMean(text, known) || (known.length === 0 ? "" : ` (one of ${known.join(", ")})`);
}

export function didYouMean(text: string, known: readonly string[]): string {
  const near = nearMiss(text, known);
  return near === undefined ? "" : `; did you mean ${near}?`;
}
