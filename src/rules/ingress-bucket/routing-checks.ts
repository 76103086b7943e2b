/** Checks of where requests come in and go to: backends, hosts, classes and TLS. */
import { matchesGlob } from "../../kube/glob.ts";
import { annotationOf, recordField, stringField } from "../../kube/objects.ts";
import { quoted } from "../../kube/quoted.ts";
import type { Violation } from "../rule.ts";
import { violationOf } from "./codes.ts";
import { type Examination, severityByStatic } from "./examination.ts";
import { readTlsHosts } from "./ingress.ts";
import type { CompiledParams } from "./params.ts";
import type { Route, RouteBackend } from "./route.ts";

export function checkBackends({ isStatic, route, params }: Examination): readonly Violation[] {
  return isStatic ? route.backends.flatMap((backend) => checkBackend(route.kind, backend, params)) : [];
}

const STORAGE = {
  Ingress: { backend: "backend: {service: {name: minio, port: {number: 9000}}}", port: "port: {number: 9000}" },
  HTTPRoute: { backend: "backendRefs: [{name: minio, port: 9000}]", port: "port: 9000" },
} as const;

function checkBackend(
  kind: Route["kind"],
  { pointer, servicePointer, key, serviceName, port }: RouteBackend,
  params: CompiledParams,
): readonly Violation[] {
  const fix = `write ${STORAGE[kind].backend}, or a Service that the policy lists`;
  if (serviceName === undefined) {
    const message = "the backend of a static site has to be a Service, not another resource";
    return [violationOf("ING-BACKEND", { path: pointer, message, fix, subject: key })];
  }
  if (!params.backends.some((pattern) => matchesGlob(pattern, serviceName))) {
    return [
      violationOf("ING-BACKEND", {
        path: `${servicePointer}/name`,
        message: `the Service ${quoted(serviceName)} is not one that serves buckets (${params.backends.join(", ")})`,
        fix,
        subject: `${key} ${serviceName}`,
      }),
    ];
  }
  if (!params.consolePorts.some((consolePort) => consolePort === port)) return [];
  return [
    violationOf("ING-BACKEND", {
      severity: "warning",
      path: `${servicePointer}/port`,
      message: `the port ${quoted(String(port))} is the web console's, which serves no objects`,
      fix: `write ${STORAGE[kind].port}, where MinIO answers the S3 API`,
      subject: `${key} ${port}`,
    }),
  ];
}

const NO_HOST = {
  Ingress: {
    message: "without a host the rule answers for every host of the controller",
    fix: "write host: NAME.example.com",
  },
  HTTPRoute: {
    message: "without hostnames the route answers for every host of its listener",
    fix: "write hostnames: [NAME.example.com]",
  },
} as const;

export function checkHosts({ isStatic, route }: Examination): readonly Violation[] {
  return route.hosts
    .filter(({ host }) => host === "" || host === "*")
    .map(({ pointer, host }) =>
      violationOf("ING-HOST", {
        severity: severityByStatic(isStatic),
        subject: host,
        path: pointer,
        ...NO_HOST[route.kind],
      }),
    );
}

const CLASS_ANNOTATION = "kubernetes.io/ingress.class";
const CLASS_POINTER = "/spec/ingressClassName";

export function checkClass({ object }: Examination): readonly Violation[] {
  const field = stringField(recordField(object, "spec"), "ingressClassName") || undefined;
  const annotation = annotationOf(object, CLASS_ANNOTATION) || undefined;
  if (field === undefined && annotation === undefined) {
    return [
      violationOf("ING-CLASS", {
        path: CLASS_POINTER,
        message: "no class says which controller serves this Ingress",
        fix: "write ingressClassName: CLASS under spec; kubectl get ingressclass lists them",
        subject: "",
      }),
    ];
  }
  if (field === undefined || annotation === undefined || field === annotation) return [];
  return [
    violationOf("ING-CLASS", {
      severity: "error",
      path: CLASS_POINTER,
      message: `ingressClassName ${quoted(field)} and the annotation ${CLASS_ANNOTATION} ${quoted(annotation)} contradict each other`,
      fix: `remove the annotation: kubectl annotate ingress NAME ${CLASS_ANNOTATION}-`,
      subject: `${field} ${annotation}`,
    }),
  ];
}

export function checkTls({ object, route, params }: Examination): readonly Violation[] {
  if (params.tls === "off") return [];
  const covered = new Set(readTlsHosts(object));
  if (covered.has("*")) return [];
  return route.hosts
    .filter(({ host }) => host !== "" && !covered.has(host) && !covered.has(host.replace(/^[^.]+/, "*")))
    .map(({ pointer, host }) =>
      violationOf("ING-TLS", {
        path: pointer,
        message: `no entry of spec.tls covers the host ${quoted(host)}`,
        fix: `add to spec.tls: {hosts: [${quoted(host)}], secretName: NAME-tls}`,
        subject: host,
      }),
    );
}
