// Colours for people, plain text for pipes: escapes are written only when the stream is a terminal and
// NO_COLOR is not set (https://no-color.org).

export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  green(text: string): string;
  red(text: string): string;
  cyan(text: string): string;
}

/** The colours for `stream`; all of them return their text unchanged where colours are not wanted. */
export function paintFor(stream: { isTTY?: boolean }): Paint {
  const noColor = process.env['NO_COLOR'];
  const isWanted = stream.isTTY === true && (noColor === undefined || noColor === '');
  const wrap = (code: number) => (text: string) => (isWanted ? `\x1b[${code}m${text}\x1b[0m` : text);
  return { bold: wrap(1), dim: wrap(2), green: wrap(32), red: wrap(31), cyan: wrap(36) };
}
