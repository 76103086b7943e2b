/** An HTTPRoute of gateway.networking.k8s.io/v1 as a Route. Its rewrites are filters of its rules and backends. */
import { type KubernetesObject, recordField, recordList, stringField } from "../../kube/objects.ts";
import { boundRewrites, type Rewrite, redirectRewrite, unsafePlainReason } from "./rewrites.ts";
import type { Route, RouteBackend, RouteHost, RoutePath, Unrewritten } from "./route.ts";

export const HTTP_ROUTES = "httproutes.gateway.networking.k8s.io";

type Fields = Readonly<Record<string, unknown>>;

export function readHttpRoute(object: KubernetesObject): Route {
  const spec = recordField(object, "spec");
  const rules = recordList(spec, "rules").map((rule, index) => readRule(rule, `/spec/rules/${index}`));
  return {
    kind: "HTTPRoute",
    hosts: isOfGateway(spec) ? readHosts(spec) : [],
    paths: rules.flatMap(({ paths }) => paths),
    backends: rules.flatMap(({ backends }) => backends),
    rewrites: boundRewrites(rules.flatMap(({ rewrites }) => rewrites)),
    unrewritten: rules.flatMap(({ unrewritten }) => unrewritten ?? []),
  };
}

/** Below Services alone, in a mesh, hostnames mean nothing. */
function isOfGateway(spec: Fields | undefined): boolean {
  const parents = recordList(spec, "parentRefs");
  return parents.length === 0 || parents.some((parent) => stringField(parent, "kind") !== "Service");
}

function readHosts(spec: Fields | undefined): readonly RouteHost[] {
  const pointer = "/spec/hostnames";
  const hostnames = spec?.hostnames;
  const hosts = Array.isArray(hostnames) ? hostnames.filter((host): host is string => typeof host === "string") : [];
  if (hosts.length === 0) return [{ pointer, host: "" }];
  return hosts.map((host, index) => ({ pointer: `${pointer}/${index}`, host }));
}

interface RouteRule extends Pick<Route, "paths" | "backends" | "rewrites"> {
  readonly unrewritten: Unrewritten | undefined;
}

function readRule(rule: Fields, pointer: string): RouteRule {
  const paths = readPaths(rule, pointer);
  const key = paths.map(({ path }) => path).join(",");
  const own = readFilters(rule, pointer, key, paths);
  const refs = recordList(rule, "backendRefs").map((ref, index) => {
    const refPointer = `${pointer}/backendRefs/${index}`;
    const backend = readBackend(ref, refPointer, key);
    return { backend, filters: readFilters(ref, refPointer, `${key} ${backend.serviceName ?? ""}`, paths) };
  });
  // What is redirected reaches no bucket, nor does a rule without backends.
  const left = own.isSettled ? [] : refs.filter(({ filters }) => !filters.isSettled);
  const external = own.external ?? left.find(({ filters }) => filters.external)?.filters.external;
  return {
    paths,
    backends: refs.map(({ backend }) => backend),
    rewrites: [...own.rewrites, ...refs.flatMap(({ filters }) => filters.rewrites)],
    unrewritten: left.length > 0 ? { pointer, key, ...(external && { external }) } : undefined,
  };
}

/** A rule without matches has one, and a match without a path has this one. */
const ANYTHING = { path: "/", pathType: "PathPrefix" };

function readPaths(rule: Fields, rulePointer: string): readonly RoutePath[] {
  const matches = recordList(rule, "matches");
  if (matches.length === 0) return [{ pointer: rulePointer, key: ANYTHING.path, ...ANYTHING }];
  return matches.map((match, index) => {
    const field = recordField(match, "path");
    const path = stringField(field, "value") ?? ANYTHING.path;
    const pathType = stringField(field, "type") ?? ANYTHING.pathType;
    return { pointer: `${rulePointer}/matches/${index}/path`, key: path, path, pathType };
  });
}

/** Whether a reference may leave the namespace is a ReferenceGrant's to say; the Service is judged wherever it is. */
function readBackend(ref: Fields, pointer: string, key: string): RouteBackend {
  const isService = (stringField(ref, "group") ?? "") === "" && (stringField(ref, "kind") ?? "Service") === "Service";
  const serviceName = isService ? stringField(ref, "name") : undefined;
  return { pointer, servicePointer: pointer, key, serviceName, port: ref.port };
}

interface Filters {
  readonly rewrites: readonly Rewrite[];
  /** Whether a filter rewrites the path or sends the client elsewhere. */
  readonly isSettled: boolean;
  readonly external: Unrewritten["external"];
}

/** `parent`: a rule, or one of its backendRefs. */
function readFilters(parent: Fields, parentPointer: string, entry: string, paths: readonly RoutePath[]): Filters {
  const filters = recordList(parent, "filters").map((filter, index) => {
    return { filter, pointer: `${parentPointer}/filters/${index}`, type: stringField(filter, "type") };
  });
  const rewrites = filters.flatMap(({ filter, pointer, type }) =>
    type === "URLRewrite" ? (readRewrite(filter, pointer, entry, paths) ?? []) : [],
  );
  const extension = filters.find(({ type }) => type === "ExtensionRef");
  const ref = recordField(extension?.filter, "extensionRef");
  const name = `${stringField(ref, "kind") ?? ""} ${stringField(ref, "name") ?? ""}`;
  return {
    rewrites,
    isSettled: rewrites.length > 0 || filters.some(({ type }) => type === "RequestRedirect"),
    external: extension && { pointer: extension.pointer, name },
  };
}

const FIELDS = { ReplacePrefixMatch: "replacePrefixMatch", ReplaceFullPath: "replaceFullPath" } as const;

/** Undefined for a filter that rewrites the host alone. */
function readRewrite(
  filter: Fields,
  filterPointer: string,
  entry: string,
  paths: readonly RoutePath[],
): Rewrite | undefined {
  const path = recordField(recordField(filter, "urlRewrite"), "path");
  const dialect = stringField(path, "type");
  if (dialect !== "ReplacePrefixMatch" && dialect !== "ReplaceFullPath") return undefined;
  const key = FIELDS[dialect];
  const value = stringField(path, key) ?? "";
  return {
    dialect,
    pointer: `${filterPointer}/urlRewrite/path/${key}`,
    key,
    entry,
    value,
    target: value,
    unsafe: value === "" ? "is empty, and names no bucket" : unsafePlainReason(value),
    paths,
    redirect: (bucket) => redirectRewrite(value, bucket),
  };
}
