/** What the rule writes, where its policy asks for it: the rewrite of a new static Ingress that has none. */
import { type JsonPatchOperation, setAnnotations } from "../../kube/json-patch.ts";
import type { JudgedOperation } from "../rule.ts";
import { TARGET_KEYS } from "./annotation-rewrites.ts";
import { bucketNameProblem } from "./bucket-name.ts";
import type { Examination } from "./examination.ts";
import type { CompiledParams } from "./params.ts";
import { countCaptureGroups, MAX_CAPTURES } from "./rewrites.ts";
import type { RoutePath } from "./route.ts";

/** On CREATE alone: an update without a rewrite has taken it away, or makes a running Ingress a static one. */
export function addedRewrite(operation: JudgedOperation, examination: Examination): readonly JsonPatchOperation[] {
  const { object, route, bucket, params } = examination;
  if (operation !== "CREATE" || params.addRewrite === "off" || route.kind !== "Ingress") return [];
  const isNeeded = route.unrewritten.some(({ external }) => external === undefined);
  if (!isNeeded || bucket === undefined || !isAllowed(bucket, params)) return [];
  const tail = params.addRewrite === "nginx" && params.nginxSemantics !== "append" ? commonTail(route.paths) : "";
  return tail === undefined ? [] : setAnnotations(object, { [TARGET_KEYS[params.addRewrite]]: `/${bucket}${tail}` });
}

function isAllowed(bucket: string, { s3, parseBucket }: CompiledParams): boolean {
  return bucketNameProblem(bucket, s3) === undefined && !("problem" in parseBucket(bucket));
}

/** What carries the tail of every path over; undefined when no single rewrite does that. */
function commonTail(paths: readonly RoutePath[]): string | undefined {
  const tails = new Set(paths.map(tailOf));
  const [tail] = tails;
  return tails.size === 1 ? tail : undefined;
}

/** A path that ends in a capture of all that follows a slash, the slash itself left out. */
function tailOf({ path }: RoutePath): string | undefined {
  const groups = countCaptureGroups(path);
  return /(?:\/|\(\/\|\$\))\(\.\*\)$/.test(path) && groups > 0 && groups < MAX_CAPTURES ? `/$${groups}` : undefined;
}
