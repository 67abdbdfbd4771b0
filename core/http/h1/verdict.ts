// What a parser can say about a head. Errors are the peer's fault and carry the status that HAProxy answers a
// client with; the same verdict about a server's response is always a 502.

export const HEAD_OK = 0;
/** Nothing wrong so far, more bytes needed: call again with the same start and a later end. */
export const HEAD_PARTIAL = 1;
export const HEAD_BAD_START_LINE = 2; // request line or status line (also HTTP/0.9 requests)
export const HEAD_BAD_VERSION = 3;
export const HEAD_BAD_TARGET = 4; // request target, or one that disagrees with Host
export const HEAD_BAD_FIELD = 5; // header line
export const HEAD_TOO_MANY_FIELDS = 6;
export const HEAD_BAD_LENGTH = 7; // Content-Length
export const HEAD_BAD_CODING = 8; // Transfer-Encoding
export const HEAD_BAD_HOST = 9;
export const HEAD_BAD_UPGRADE = 10; // WebSocket without key or accept, 101 without Connection: upgrade
export const HEAD_PAYLOAD_FORBIDDEN = 11; // GET, HEAD or DELETE of HTTP/1.0 with a body
export const HEAD_TARGET_TOO_LONG = 12; // the buffer filled up before the request line ended
export const HEAD_UNKNOWN_CODING = 13; // a transfer coding besides chunked
export const HEAD_TOO_LARGE = 14;

const VERDICT_COUNT = 15;
const statuses = new Uint16Array(VERDICT_COUNT).fill(400);
statuses[HEAD_OK] = 0;
statuses[HEAD_PARTIAL] = 0;
statuses[HEAD_PAYLOAD_FORBIDDEN] = 413;
statuses[HEAD_TARGET_TOO_LONG] = 414;
statuses[HEAD_UNKNOWN_CODING] = 422;
statuses[HEAD_TOO_LARGE] = 431;

/** The status that answers a client's request with this verdict; 0 when the verdict is no error. */
export function statusOfVerdict(verdict: number): number {
  return statuses[verdict] ?? 400;
}

/** How big a head may be, as HAProxy decides it. Built by headLimits; plain numbers, may be shared. */
export interface HeadLimits {
  /** A head that is still incomplete after so many bytes will not be waited for. */
  readonly headBytesMax: number;
  /** What a complete head may cost by HAProxy's own accounting (its internal form must fit in a buffer). */
  readonly headCostMax: number;
  /** tune.http.maxhdr; one less than this many lines pass. */
  readonly headerCountMax: number;
  /** `option accept-unsafe-violations-in-http-request|-response` (manual §4.2): what is wrong but can be read passes. */
  readonly relaxed: boolean;
}

// HAProxy's internal form has a header of 40 bytes, 20 bytes for a start line and 8 per block, besides the text;
// receiving stops when only 56 bytes of the buffer are free. Its limits follow from these numbers, so ours do.
const FORM_BYTES = 40;
const BLOCK_BYTES = 8;
const START_LINE_BYTES = 20;
const RECEIVE_OVERHEAD_BYTES = FORM_BYTES + 2 * BLOCK_BYTES;

/** Blocks for the start line and for the end of the headers (8+1), and the start line's own fields. */
export const COST_FIXED_BYTES = BLOCK_BYTES + START_LINE_BYTES + BLOCK_BYTES + 1;
export const COST_PER_FIELD_BYTES = BLOCK_BYTES;

/** The same limits for messages of a section that accepts unsafe violations. */
export function relaxed(limits: HeadLimits): HeadLimits {
  return { ...limits, relaxed: true };
}

/**
 * @param bufferBytes tune.bufsize (16384 unless configured)
 * @param reserveBytes tune.maxrewrite (1024)
 * @param headerCountMax tune.http.maxhdr (101)
 */
export function headLimits(bufferBytes: number, reserveBytes: number, headerCountMax: number): HeadLimits {
  return {
    headBytesMax: bufferBytes - RECEIVE_OVERHEAD_BYTES,
    headCostMax: bufferBytes - FORM_BYTES - reserveBytes,
    headerCountMax,
    relaxed: false,
  };
}
