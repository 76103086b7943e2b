/**
 * What an Ingress and an HTTPRoute have in common: all that the checks look at, with one reader for each of the two
 * (ingress.ts, http-route.ts). Both read an unchecked object: what is not of the right type is not there.
 */
import type { Rewrite } from "./rewrites.ts";

export interface RouteHost {
  /** JSON pointer of the host's field. */
  readonly pointer: string;
  /** Empty where a host could stand and none does. */
  readonly host: string;
}

export interface RoutePath {
  /** JSON pointer of the entry that holds path and pathType. */
  readonly pointer: string;
  /** What tells the entry from the others, wherever it stands in the list: host and path together. */
  readonly key: string;
  readonly path: string;
  /** As the API spells it: Prefix of an Ingress, PathPrefix of an HTTPRoute. */
  readonly pathType: string;
}

export interface RouteBackend {
  /** JSON pointer of the backend. */
  readonly pointer: string;
  /** JSON pointer of what holds the Service's name and port. */
  readonly servicePointer: string;
  readonly key: string;
  /** Undefined when the backend is no Service. */
  readonly serviceName: string | undefined;
  /** A number or, in an Ingress, a name. */
  readonly port: unknown;
}

/** Requests that no rewrite known to the rule takes to a bucket. */
export interface Unrewritten {
  /** JSON pointer of where the rewrite would stand. */
  readonly pointer: string;
  /** Tells it from others in the same list; undefined where there is no list. */
  readonly key?: string;
  /** An object that may rewrite, and that nobody asks the API server for. */
  readonly external?: { readonly pointer: string; readonly name: string };
}

export interface Route {
  readonly kind: "Ingress" | "HTTPRoute";
  readonly hosts: readonly RouteHost[];
  readonly paths: readonly RoutePath[];
  readonly backends: readonly RouteBackend[];
  readonly rewrites: readonly Rewrite[];
  readonly unrewritten: readonly Unrewritten[];
}
