/** The annotations of an Ingress that rewrite: whose they are. What stands in them: rewrites.ts and other-dialects.ts. */
import { jsonPointer } from "../../kube/json-pointer.ts";
import type { StringMap } from "../../kube/objects.ts";
import { HAPROXY_ORG_REWRITE, NGINX_ORG_REWRITES, readPathRewrite, readServiceRewrites } from "./other-dialects.ts";
import { boundRewrites, type Dialect, type Rewrite, redirectRewrite, unsafeReason } from "./rewrites.ts";
import type { RoutePath } from "./route.ts";

export const LEGACY_REWRITE = "ingress.kubernetes.io/rewrite-target";
export const NGINX_REWRITE = "nginx.ingress.kubernetes.io/rewrite-target";
/** Traefik 2 and 3 ignore every rewrite-target: their rewrites are Middleware objects, named in this annotation. */
export const TRAEFIK_MIDDLEWARES = "traefik.ingress.kubernetes.io/router.middlewares";

/** The annotations whose value is a target. Any other prefix in front of /rewrite-target is taken to be one, too. */
export const TARGET_KEYS = {
  legacy: LEGACY_REWRITE,
  nginx: NGINX_REWRITE,
  traefik: "traefik.ingress.kubernetes.io/rewrite-target",
  "haproxy-ingress": "haproxy-ingress.github.io/rewrite-target",
} as const satisfies Partial<Record<Dialect, string>>;

const DIALECTS: ReadonlyMap<string, Dialect> = new Map(
  Object.entries(TARGET_KEYS).map(([dialect, key]) => [key, dialect as keyof typeof TARGET_KEYS]),
);

/** `paths`: of the Ingress, which every annotation of it is for. */
export function rewritesOf(annotations: StringMap | null | undefined, paths: readonly RoutePath[]): readonly Rewrite[] {
  const rewrites = Object.entries(annotations ?? {}).flatMap(([key, value]): readonly Rewrite[] | Rewrite => {
    const written = { pointer: jsonPointer("metadata", "annotations", key), key, value };
    if (key === HAPROXY_ORG_REWRITE) return readPathRewrite(written, paths);
    if (key === NGINX_ORG_REWRITES) return readServiceRewrites(written, paths);
    if (!key.endsWith("/rewrite-target")) return [];
    return {
      ...written,
      dialect: DIALECTS.get(key) ?? "unknown",
      target: value,
      unsafe: unsafeReason(value),
      paths,
      redirect: (bucket: string) => redirectRewrite(value, bucket),
    };
  });
  return boundRewrites(rewrites);
}
