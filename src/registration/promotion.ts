import { type LiveConfiguration, PENDING_PROMOTION } from "./configuration.ts";

/** The entries that init made with Ignore, whatever they fail with by now: only these are promoted. */
export function pendingPromotions({ metadata }: LiveConfiguration): ReadonlySet<string> {
  const names = metadata.annotations?.[PENDING_PROMOTION]?.split(",") ?? [];
  return new Set(names.map((name) => name.trim()).filter((name) => name !== ""));
}

/** What takes the mark away, as part of a merge patch; nothing where there is none. */
export function clearPendingPromotions({ metadata }: LiveConfiguration): object {
  return metadata.annotations?.[PENDING_PROMOTION] === undefined ? {} : { annotations: { [PENDING_PROMOTION]: null } };
}
