/** RFC 6901: `~` becomes `~0` and `/` becomes `~1`, in that order. */
export function pointerSegment(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** `jsonPointer("metadata", "labels", "a/b")` is `/metadata/labels/a~1b`. */
export function jsonPointer(...keys: readonly (string | number)[]): string {
  return keys.map((key) => `/${pointerSegment(String(key))}`).join("");
}

/** A pointer as people write a field: `/metadata/annotations/a~1b` is `metadata.annotations[a/b]`. */
export function fieldPath(pointer: string): string {
  let path = "";
  for (const segment of pointer.split("/").slice(1)) {
    const key = segment.replaceAll("~1", "/").replaceAll("~0", "~");
    if (/^\d+$/.test(key) || !/^[A-Za-z][A-Za-z0-9_-]*$/.test(key)) path += `[${key}]`;
    else path += path === "" ? key : `.${key}`;
  }
  return path;
}
