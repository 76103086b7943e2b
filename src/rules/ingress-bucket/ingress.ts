/** An Ingress of networking.k8s.io/v1, read out of an unchecked object: what is not of the right type is not there. */
import { type KubernetesObject, recordField, recordList, stringField } from "../../kube/objects.ts";

export interface IngressRule {
  /** JSON pointer of the rule. */
  readonly pointer: string;
  /** Empty when the rule has none. */
  readonly host: string;
}

export interface IngressPath {
  /** JSON pointer of the entry that holds path, pathType and backend. */
  readonly pointer: string;
  /** Host and path together: what tells the entry from the others, wherever it stands in the list. */
  readonly key: string;
  /** `/` when the entry has none, which is how controllers read that. */
  readonly path: string;
  /** ImplementationSpecific when the entry has none, as the API had it before v1. */
  readonly pathType: string;
}

export interface IngressBackend {
  /** JSON pointer of the backend. */
  readonly pointer: string;
  /** The key of its path, or `defaultBackend`. */
  readonly key: string;
  /** Undefined when the backend is no Service. */
  readonly serviceName: string | undefined;
  /** A number or a name. */
  readonly port: unknown;
}

export interface Ingress {
  readonly rules: readonly IngressRule[];
  readonly paths: readonly IngressPath[];
  readonly backends: readonly IngressBackend[];
}

export function readIngress(object: KubernetesObject): Ingress {
  const spec = recordField(object, "spec");
  const rules: IngressRule[] = [];
  const paths: IngressPath[] = [];
  const backends: IngressBackend[] = [];
  if (recordField(spec, "defaultBackend")) {
    backends.push(readBackend(spec, "defaultBackend", "/spec/defaultBackend", "defaultBackend"));
  }
  recordList(spec, "rules").forEach((rule, ruleIndex) => {
    const rulePointer = `/spec/rules/${ruleIndex}`;
    const host = stringField(rule, "host") ?? "";
    rules.push({ pointer: rulePointer, host });
    recordList(recordField(rule, "http"), "paths").forEach((entry, index) => {
      const pointer = `${rulePointer}/http/paths/${index}`;
      const path = stringField(entry, "path") || "/";
      const key = `${host}${path}`;
      paths.push({ pointer, key, path, pathType: stringField(entry, "pathType") ?? "ImplementationSpecific" });
      backends.push(readBackend(entry, "backend", `${pointer}/backend`, key));
    });
  });
  return { rules, paths, backends };
}

function readBackend(parent: unknown, field: string, pointer: string, key: string): IngressBackend {
  const service = recordField(recordField(parent, field), "service");
  const port = recordField(service, "port");
  return { pointer, key, serviceName: stringField(service, "name"), port: port?.number ?? port?.name };
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
