// A message head as offsets into the bytes it came in: the form h1 parses to and (later) h2 too, which
// rules edit and which is written out again. As HAProxy's HTX: what was on the wire is gone, meaning stays.
//
// A header is four numbers and an id; its text is the bytes [offset, offset+length) of the arena. Edits never
// touch those bytes: removing sets HEADER_REMOVED, adding appends a line whose text lives elsewhere in the
// same arena. Nothing is allocated per message: heads are reused, their columns are made once.

/** Header names the proxy itself looks at; every other name is HEADER_OTHER. */
export const HEADER_OTHER = 0;
export const HEADER_HOST = 1;
export const HEADER_CONNECTION = 2;
export const HEADER_CONTENT_LENGTH = 3;
export const HEADER_TRANSFER_ENCODING = 4;
export const HEADER_UPGRADE = 5;
export const HEADER_EXPECT = 6;
export const HEADER_X_FORWARDED_FOR = 7;
export const HEADER_X_ORIGINAL_TO = 8;
export const HEADER_FORWARDED = 9;
export const HEADER_KEEP_ALIVE = 10;
export const HEADER_PROXY_CONNECTION = 11;
export const HEADER_TE = 12;
export const HEADER_COOKIE = 13;
export const HEADER_SET_COOKIE = 14;
export const HEADER_CONTENT_TYPE = 15;
export const HEADER_SEC_WEBSOCKET_KEY = 16;
export const HEADER_HTTP2_SETTINGS = 17;
export const HEADER_AUTHORIZATION = 18;
export const HEADER_DATE = 19;
export const HEADER_SERVER = 20;
export const HEADER_SEC_WEBSOCKET_ACCEPT = 21;

/** Bits of Head.flags, set by the parser. */
export const HEAD_HTTP_10 = 1; // the peer spoke 1.0; otherwise it is 1.1 or above
export const HEAD_CLOSE = 2; // Connection: close was there (or 1.0 without keep-alive)
export const HEAD_KEEP_ALIVE = 4; // Connection: keep-alive was there
export const HEAD_UPGRADE = 8; // request: Connection: upgrade and an Upgrade header; response: 101 with Connection: upgrade
export const HEAD_CHUNKED = 16; // the body is chunked
export const HEAD_LENGTH = 32; // a Content-Length counts (contentLength is valid)
export const HEAD_CLOSE_DELIMITED = 64; // response whose body ends with the connection
export const HEAD_NO_BODY = 128; // nothing follows the head (HEAD answer, 1xx, 204, 304, no length, length 0); look here first
export const HEAD_MUST_CLOSE = 256; // framing was ambiguous (TE and CL, TE on 1.0): answer, then close
export const HEAD_EXPECT_CONTINUE = 512;
export const HEAD_ABSOLUTE_URI = 1024; // request target is scheme://authority/…
export const HEAD_TUNNEL = 2048; // CONNECT request, 101, or 2xx to a CONNECT: bytes flow blindly afterwards
export const HEAD_WEBSOCKET = 4096; // Upgrade: websocket
export const HEAD_NOT_HTTP = 8192; // the version is none of HTTP's and passes as it came (relaxed limits); HEAD_HTTP_10 too

/** Request methods the proxy looks at. */
export const METHOD_OTHER = 0;
export const METHOD_GET = 1;
export const METHOD_HEAD = 2;
export const METHOD_POST = 3;
export const METHOD_PUT = 4;
export const METHOD_DELETE = 5;
export const METHOD_CONNECT = 6;
export const METHOD_OPTIONS = 7;
export const METHOD_TRACE = 8;
export const METHOD_PATCH = 9;

export const HEADER_REMOVED = 1; // bit of headerFlags

/** Where the parser stands in a head that arrived in pieces (Head.parsePhase). */
export const PARSE_NOTHING = 0; // the next parse begins a new head
export const PARSE_START_LINE = 1;
export const PARSE_FIELDS = 2;

export class Head {
  // Start line. Request: method, uri. Response: status, reason.
  method = METHOD_OTHER;
  methodOffset = 0;
  methodLength = 0;
  uriOffset = 0;
  uriLength = 0;
  versionOffset = 0; // the version as received ("HTTP/1.1"), for logs
  versionLength = 0;
  status = 0;
  reasonOffset = 0;
  reasonLength = 0;

  flags = 0;
  contentLength = 0; // bytes; exact up to 2^53, valid with HEAD_LENGTH
  startOffset = 0; // first byte of the start line
  startLineEnd = 0; // offset after the last byte of the start line, line end not included
  endOffset = 0; // first byte after the empty line: where the body begins

  // The parser's memory between the pieces of one head; nobody else's. A parse that returns anything but
  // HEAD_PARTIAL leaves parsePhase at PARSE_NOTHING; whoever gives up on a partial head calls reset().
  parsePhase = PARSE_NOTHING;
  parseBits = 0; // what the lines so far said about framing (core/http/h1/fields)
  lineOffset = 0; // first byte of the first line not parsed yet
  scannedOffset = 0; // no line ends between lineOffset and here
  hostIndex = -1; // the Host line kept, or -1
  editOffset = 0; // the value of the line just read, after cleaning
  editLength = 0;

  headerCount = 0;
  readonly headerId: Uint8Array;
  readonly headerFlags: Uint8Array;
  readonly nameOffset: Int32Array;
  readonly nameLength: Int32Array;
  readonly valueOffset: Int32Array;
  readonly valueLength: Int32Array;

  /** @param headerCountMax tune.http.maxhdr plus room for the lines the proxy adds */
  constructor(headerCountMax: number) {
    this.headerId = new Uint8Array(headerCountMax);
    this.headerFlags = new Uint8Array(headerCountMax);
    this.nameOffset = new Int32Array(headerCountMax);
    this.nameLength = new Int32Array(headerCountMax);
    this.valueOffset = new Int32Array(headerCountMax);
    this.valueLength = new Int32Array(headerCountMax);
  }

  get headerCountMax(): number {
    return this.headerId.length;
  }

  /** Forgets the message, also one that is only half parsed. */
  reset(): void {
    this.parsePhase = PARSE_NOTHING;
    this.parseBits = 0;
    this.flags = 0;
    this.contentLength = 0;
    this.headerCount = 0;
    this.hostIndex = -1;
  }

  /** Says that the bytes of this head, whole or half parsed, now stand `delta` bytes further on in the arena. */
  moveBy(delta: number): void {
    this.methodOffset += delta;
    this.uriOffset += delta;
    this.versionOffset += delta;
    this.reasonOffset += delta;
    this.startOffset += delta;
    this.startLineEnd += delta;
    this.endOffset += delta;
    this.lineOffset += delta;
    this.scannedOffset += delta;
    for (let index = 0; index < this.headerCount; index++) {
      this.nameOffset[index]! += delta;
      this.valueOffset[index]! += delta;
    }
  }

  /**
   * Appends a header line whose text stands somewhere in the arena until the head is written. The name is lower
   * case already; neither text holds CR, LF or NUL: who adds a line checks that.
   * @returns its index, or -1 when the head holds headerCountMax lines
   */
  addHeader(id: number, nameOffset: number, nameLength: number, valueOffset: number, valueLength: number): number {
    const index = this.headerCount;
    if (index >= this.headerId.length) return -1;
    this.headerId[index] = id;
    this.headerFlags[index] = 0;
    this.nameOffset[index] = nameOffset;
    this.nameLength[index] = nameLength;
    this.valueOffset[index] = valueOffset;
    this.valueLength[index] = valueLength;
    this.headerCount = index + 1;
    return index;
  }

  /** Takes the line at `index` out of the message; its text and the other lines' indices stay. */
  removeHeader(index: number): void {
    this.headerFlags[index]! |= HEADER_REMOVED;
  }

  /** Removes every line with this id; HEADER_OTHER would remove all unknown names and is refused by returning 0. */
  removeAll(id: number): number {
    let removedCount = 0;
    if (id === HEADER_OTHER) return 0;
    for (let index = this.find(id, 0); index >= 0; index = this.find(id, index + 1)) {
      this.removeHeader(index);
      removedCount++;
    }
    return removedCount;
  }

  /** Index of the first header with this id at or after `from`, or -1. */
  find(id: number, from: number): number {
    for (let index = from; index < this.headerCount; index++) {
      if (this.headerId[index] === id && (this.headerFlags[index]! & HEADER_REMOVED) === 0) return index;
    }
    return -1;
  }
}
