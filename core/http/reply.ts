// The answers a proxy gives on its own, as HAProxy 3.4 words them, ready as bytes (configuration manual, "errorfile"
// and "http-error"; "monitor-uri" for the 200).
//
// There are two spellings. A request refused while its head is read, before there is a stream (400, 408, 413, 414,
// 422, 431 …), gets headers in mixed case; everything a stream says for itself (403, 404, 5xx …) gets lower case,
// and our own Connection line last.

import { wordOf } from './h1/chars.ts';
import { CONNECTION_CLOSE, CONNECTION_KEEP_ALIVE, CONNECTION_NONE } from './h1/write.ts';

export interface Reply {
  readonly status: number;
  /** The whole message; shared, not to be changed. */
  readonly bytes: Uint8Array;
  /** Length of the head: what a HEAD request gets. */
  readonly headLength: number;
}

/** Status, phrase of the status line and heading, and the sentence of the page. */
type ReplyText = readonly [number, string, string];

const TEXTS: readonly ReplyText[] = [
  [200, 'OK', 'Service ready.'],
  [400, 'Bad request', 'Your browser sent an invalid request.'],
  [401, 'Unauthorized', 'You need a valid user and password to access this content.'],
  [403, 'Forbidden', 'Request forbidden by administrative rules.'],
  [404, 'Not Found', 'The resource could not be found.'],
  [
    405,
    'Method Not Allowed',
    'A request was made of a resource using a request method not supported by that resource.',
  ],
  [407, 'Unauthorized', 'You need a valid user and password to access this content.'],
  [408, 'Request Time-out', "Your browser didn't send a complete request in time."],
  [410, 'Gone', 'The resource is no longer available and will not be available again.'],
  [413, 'Payload Too Large', 'The request entity exceeds the maximum allowed.'],
  [414, 'URI Too Long', 'The URI provided was too long for the server to process.'],
  [421, 'Misdirected Request', 'Request sent to a non-authoritative server.'],
  [422, 'Unprocessable Content', 'The server cannot process the contained instructions.'],
  [425, 'Too Early', 'Your browser sent early data.'],
  [429, 'Too Many Requests', 'You have sent too many requests in a given amount of time.'],
  [431, 'Request Header Fields Too Large', 'Request Header Fields Too Large.'],
  [500, 'Internal Server Error', 'An internal server error occurred.'],
  [501, 'Not Implemented', 'The server does not support the functionality required to fulfill the request.'],
  [502, 'Bad Gateway', 'The server returned an invalid or incomplete response.'],
  [503, 'Service Unavailable', 'No server is available to handle this request.'],
  [504, 'Gateway Time-out', "The server didn't respond in time."],
];

/** The statuses that have a default reply; errorfile and http-errors accept these and no others. */
export const REPLY_STATUSES: readonly number[] = TEXTS.map(([status]) => status);

const CONNECTION_LINES: readonly string[] = connectionLines();

function connectionLines(): string[] {
  const lines: string[] = [];
  lines[CONNECTION_NONE] = '';
  lines[CONNECTION_CLOSE] = 'connection: close\r\n';
  lines[CONNECTION_KEEP_ALIVE] = 'connection: keep-alive\r\n';
  return lines;
}

function compile([status, phrase, sentence]: ReplyText, headers: (bodyLength: number) => string): Reply {
  const body = `<html><body><h1>${status} ${phrase}</h1>\n${sentence}\n</body></html>\n`;
  const head = `HTTP/1.1 ${status} ${phrase}\r\n${headers(body.length)}\r\n`;
  return { status, bytes: wordOf(head + body), headLength: head.length };
}

/** Headers of an answer given before there is a stream; only 400 and 408 name the connection. */
function earlyHeaders(status: number, bodyLength: number): string {
  const connection = status === 400 || status === 408 ? 'Connection: close\r\n' : '';
  return `Content-length: ${bodyLength}\r\nCache-Control: no-cache\r\n${connection}Content-Type: text/html\r\n`;
}

function streamHeaders(connection: number, bodyLength: number): string {
  const own = `content-length: ${bodyLength}\r\ncache-control: no-cache\r\ncontent-type: text/html\r\n`;
  return own + CONNECTION_LINES[connection]!;
}

const early = new Map<number, Reply>();
const byConnection: Map<number, Reply>[] = [new Map(), new Map(), new Map()];
for (const text of TEXTS) {
  early.set(
    text[0],
    compile(text, (bodyLength) => earlyHeaders(text[0], bodyLength)),
  );
  for (const connection of [CONNECTION_NONE, CONNECTION_CLOSE, CONNECTION_KEEP_ALIVE]) {
    byConnection[connection]!.set(
      text[0],
      compile(text, (bodyLength) => streamHeaders(connection, bodyLength)),
    );
  }
}

/** The answer to a request refused before there is a stream. A status without a reply of its own gets 500's. */
export function earlyReply(status: number): Reply {
  return early.get(status) ?? early.get(500)!;
}

/** Whether the client's connection ends with this page, whatever else is known of it: those that tell it of its own fault. */
export function pageCloses(status: number): boolean {
  return status === 400 || status === 408;
}

/**
 * The answer a stream gives by itself. A status without a reply of its own gets 500's. For 400 and 408 the reference
 * always closes.
 * @param connection CONNECTION_*: what the last header says about the connection
 */
export function streamReply(status: number, connection: number): Reply {
  const replies = byConnection[connection]!;
  return replies.get(status) ?? replies.get(500)!;
}
