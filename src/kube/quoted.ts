/** Values in a message are there to be recognised, not to be read in full. */
const MAX_CHARACTERS = 60;

/** Other people's value as a message may show it: in double quotes, cut, with nothing that moves a terminal's cursor. */
export function quoted(value: string): string {
  const cut = value.length > MAX_CHARACTERS ? `${value.slice(0, MAX_CHARACTERS)}…` : value;
  return JSON.stringify(cut).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${character.codePointAt(0)?.toString(16)}}`;
  });
}
