import { nearMiss } from "../../kube/near-miss.ts";
import { quoted } from "../../kube/quoted.ts";
import type { Finding } from "./codes.ts";
import type { PodVolume } from "./volumes.ts";

/** Guessing looks at each volume for each name: enough for people, and no work to speak of when a request abuses it. */
const MAX_GUESSES = 10;
const MAX_GUESSED_VOLUMES = 100;
/** A choice, not an inventory. */
const MAX_CHOICES = 5;

/** A name in a list that no volume of the Pod has. */
export interface UnknownName {
  readonly name: string;
  /** The volume that the user seems to mean. */
  readonly meant?: string;
  readonly message: string;
  readonly fix: string;
}

/** Explains every one of `names` that is not a volume. `choices` gives the volumes that would be right in the list. */
export function explainUnknownNames(
  names: Iterable<string>,
  volumes: ReadonlyMap<string, PodVolume>,
  choices: () => readonly PodVolume[],
): readonly UnknownName[] {
  const unknown = [...names].filter((name) => !volumes.has(name));
  if (unknown.length === 0) return [];
  const guessed = [...volumes.values()].slice(0, MAX_GUESSED_VOLUMES);
  const offer = choices()
    .slice(0, MAX_CHOICES)
    .map((volume) => quoted(volume.name))
    .join(", ");
  return unknown.map((name, index) => explain(name, index < MAX_GUESSES ? guessed : [], offer));
}

function explain(name: string, volumes: readonly PodVolume[], offer: string): UnknownName {
  const mounting = volumes.find((volume) => isClaimOf(volume, name));
  if (mounting !== undefined) {
    const meant = mounting.name;
    const message = `${quoted(name)} is a claim, and its volume is named ${quoted(meant)}`;
    return { name, meant, message, fix: `write ${quoted(meant)}` };
  }
  const message = `no volume is named ${quoted(name)}`;
  const meant = nearMiss(
    name,
    volumes.map((volume) => volume.name),
  );
  if (meant !== undefined) return { name, meant, message, fix: `write ${quoted(meant)}` };
  if (offer === "") return { name, message, fix: `remove ${quoted(name)}: the Pod has no volume to back up` };
  return { name, message, fix: `write the name of a volume as it is in spec.volumes: ${offer}` };
}

function isClaimOf(volume: PodVolume, name: string): boolean {
  return volume.claimName === name || (volume.claimNamePrefix !== undefined && name.startsWith(volume.claimNamePrefix));
}

/** The part of a violation that is the same wherever the name stands. */
export function findingOf({ name, message, fix }: UnknownName, path: string): Finding {
  return { path, message, fix, subject: name };
}
