// What the parser's verdicts mean, for people, and the place in the message they are about.

import * as verdicts from '../../core/http/h1/verdict.ts';

const TEXTS: Readonly<Record<number, string>> = {
  [verdicts.HEAD_PARTIAL]: 'the head is not whole: the empty line that ends it is missing',
  [verdicts.HEAD_BAD_START_LINE]: 'the first line is not one of HTTP/1',
  [verdicts.HEAD_BAD_VERSION]: 'the HTTP version is malformed',
  [verdicts.HEAD_BAD_TARGET]: 'the request target is malformed, or disagrees with Host',
  [verdicts.HEAD_BAD_FIELD]: 'a header line is malformed',
  [verdicts.HEAD_TOO_MANY_FIELDS]: 'more header lines than tune.http.maxhdr allows',
  [verdicts.HEAD_BAD_LENGTH]: 'Content-Length is malformed, or there are several that differ',
  [verdicts.HEAD_BAD_CODING]: 'Transfer-Encoding is malformed',
  [verdicts.HEAD_BAD_HOST]: 'Host is malformed, or there are several that differ',
  [verdicts.HEAD_BAD_UPGRADE]: 'the upgrade is malformed, or nobody asked for it',
  [verdicts.HEAD_PAYLOAD_FORBIDDEN]: 'a body where HTTP/1.0 has none',
  [verdicts.HEAD_TARGET_TOO_LONG]: 'the first line does not fit into tune.bufsize',
  [verdicts.HEAD_UNKNOWN_CODING]: 'a transfer coding besides chunked',
  [verdicts.HEAD_TOO_LARGE]: 'the head does not fit into tune.bufsize less tune.maxrewrite',
};

export function verdictText(verdict: number): string {
  return TEXTS[verdict] ?? `verdict ${verdict}`;
}

const EXCERPT_BYTES = 72;

/** The line at `at`, what cannot be shown escaped. */
export function excerptAt(bytes: Uint8Array, at: number): string {
  const line = Buffer.from(bytes.subarray(at, at + EXCERPT_BYTES)).toString('latin1');
  const lineEnd = line.search(/\r?\n/);
  return (lineEnd <= 0 ? line : line.slice(0, lineEnd)).replace(/[^ -~]/g, (char) => {
    if (char === '\r') return '\\r';
    if (char === '\n') return '\\n';
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
