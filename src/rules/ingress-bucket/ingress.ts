/** An Ingress of networking.k8s.io/v1 as a Route, and its TLS hosts, which only it has. */
import { jsonPointer } from "../../kube/json-pointer.ts";
import { annotationOf, type KubernetesObject, recordField, recordList, stringField } from "../../kube/objects.ts";
import { rewritesOf, TRAEFIK_MIDDLEWARES } from "./annotation-rewrites.ts";
import type { Route, RouteBackend, RouteHost, RoutePath, Unrewritten } from "./route.ts";

export function readIngress(object: KubernetesObject): Route {
  const spec = recordField(object, "spec");
  const hosts: RouteHost[] = [];
  const paths: RoutePath[] = [];
  const backends: RouteBackend[] = [];
  if (recordField(spec, "defaultBackend")) {
    backends.push(readBackend(spec, "defaultBackend", "/spec/defaultBackend", "defaultBackend"));
  }
  recordList(spec, "rules").forEach((rule, ruleIndex) => {
    const rulePointer = `/spec/rules/${ruleIndex}`;
    const host = stringField(rule, "host") ?? "";
    hosts.push({ pointer: `${rulePointer}/host`, host });
    recordList(recordField(rule, "http"), "paths").forEach((entry, index) => {
      const pointer = `${rulePointer}/http/paths/${index}`;
      // Controllers read an entry without a path so.
      const path = stringField(entry, "path") || "/";
      const key = `${host}${path}`;
      // Without one it is what it was before v1.
      paths.push({ pointer, key, path, pathType: stringField(entry, "pathType") ?? "ImplementationSpecific" });
      backends.push(readBackend(entry, "backend", `${pointer}/backend`, key));
    });
  });
  const rewrites = rewritesOf(object.metadata?.annotations, paths);
  return {
    kind: "Ingress",
    hosts,
    paths,
    backends,
    rewrites,
    unrewritten: rewrites.length > 0 ? [] : [readUnrewritten(object)],
  };
}

function readBackend(parent: unknown, field: string, pointer: string, key: string): RouteBackend {
  const service = recordField(recordField(parent, field), "service");
  const port = recordField(service, "port");
  return {
    pointer,
    servicePointer: `${pointer}/service`,
    key,
    serviceName: stringField(service, "name"),
    port: port?.number ?? port?.name,
  };
}

function readUnrewritten(object: KubernetesObject): Unrewritten {
  const pointer = jsonPointer("metadata", "annotations");
  const middlewares = annotationOf(object, TRAEFIK_MIDDLEWARES);
  if (middlewares === undefined) return { pointer };
  return {
    pointer,
    external: { pointer: jsonPointer("metadata", "annotations", TRAEFIK_MIDDLEWARES), name: middlewares },
  };
}

/** The hosts of spec.tls; `*` when an entry names none, since it then goes for every host. */
export function readTlsHosts(object: KubernetesObject): readonly string[] {
  return recordList(recordField(object, "spec"), "tls").flatMap((entry) => {
    const hosts: unknown = entry.hosts;
    return Array.isArray(hosts) && hosts.length > 0
      ? hosts.filter((host): host is string => typeof host === "string")
      : ["*"];
  });
}
