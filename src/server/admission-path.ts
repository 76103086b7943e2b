import { DEFAULT_ENTRY, type Phase } from "../policy/policy.ts";
import { DEFAULT_DEADLINE_MS, MAX_DEADLINE_MS } from "./limits.ts";

/** What the URL of a call says. */
export interface AdmissionPath {
  readonly phase: Phase;
  readonly entry: string;
  /** The API server waits no longer than this, counted from its call. */
  readonly timeoutMs: number;
}

/** `/mutate`, `/validate`, each alone or with an entry: one segment as desired.ts makes them. */
const ADMISSION_PATH = /^\/(mutate|validate)(?:\/([a-z0-9-]{1,63}))?$/;
/** A Go duration such as `5s` or `2.5s`; the API server rounds up to whole seconds. */
const TIMEOUT = /^(\d{1,3}(?:\.\d{1,9})?)(ms|s)$/;

/** An API server asks a handful of URLs over and over. A caller who makes up others only makes this forget. */
const MAX_REMEMBERED = 200;
const remembered = new Map<string, AdmissionPath>();

/** Undefined for what is no path of ours. */
export function admissionPathOf(url: string): AdmissionPath | undefined {
  const known = remembered.get(url);
  if (known !== undefined) return known;
  const path = parse(url);
  if (path === undefined) return undefined;
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  remembered.set(url, path);
  return path;
}

function parse(url: string): AdmissionPath | undefined {
  const [path = "", query = ""] = url.split("?", 2);
  const [, phase, entry = DEFAULT_ENTRY] = ADMISSION_PATH.exec(path) ?? [];
  return phase === "mutate" || phase === "validate" ? { phase, entry, timeoutMs: timeoutMs(query) } : undefined;
}

/** What can't be read as a time counts as not given. */
function timeoutMs(query: string): number {
  const [, number, unit] = TIMEOUT.exec(new URLSearchParams(query).get("timeout") ?? "") ?? [];
  if (number === undefined) return DEFAULT_DEADLINE_MS;
  return Math.min(Number(number) * (unit === "s" ? 1000 : 1), MAX_DEADLINE_MS);
}
