// Flags of log formats, `%{+Q,-X}…` (manual §8.2.6); HAProxy's LOG_OPT_*.

export const OPTION_HEXA = 1 << 0; // +X
export const OPTION_MANDATORY = 1 << 1; // +M: an empty text is `-`
export const OPTION_QUOTE = 1 << 2; // +Q
export const OPTION_REQUEST = 1 << 3; // the expression may have its value in the request
export const OPTION_RESPONSE = 1 << 4; // or in the response
export const OPTION_HTTP = 1 << 5; // what HTTP does not allow is written %XX
export const OPTION_ESCAPE = 1 << 6; // +E: `"\]` get a backslash
export const OPTION_MERGE_SPACES = 1 << 7;
export const OPTION_BIN = 1 << 8; // +bin
export const OPTION_JSON = 1 << 12; // +json
export const OPTION_CBOR = 1 << 13; // +cbor
export const OPTION_ENCODE = OPTION_JSON | OPTION_CBOR;

export const TYPECAST_RAW = 10; // `%(name:raw)`, beside TYPE_STR, TYPE_SINT, TYPE_BOOL; TYPE_SAME: none

const FLAGS: Record<string, number> = {
  M: OPTION_MANDATORY,
  Q: OPTION_QUOTE,
  X: OPTION_HEXA,
  E: OPTION_ESCAPE,
  bin: OPTION_BIN,
  json: OPTION_JSON,
  cbor: OPTION_CBOR,
};

/** `options` with the flags of `+Q,-X` added and taken away. Unknown ones are ignored, and the first encoding stays. */
export function applyFlags(options: number, text: string): number {
  let out = options;
  for (const piece of text.split(',')) {
    const sign = Math.max(piece.lastIndexOf('+'), piece.lastIndexOf('-'));
    const name = sign < 0 ? '' : piece.slice(sign + 1);
    const mask = Object.hasOwn(FLAGS, name) ? FLAGS[name]! : 0;
    if (piece[sign] === '-') out &= ~mask;
    else out |= (out & OPTION_ENCODE) !== 0 ? mask & ~OPTION_ENCODE : mask;
  }
  return out;
}
