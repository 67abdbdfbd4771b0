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
export const HEAD_UPGRADE = 8; // Connection: upgrade and an Upgrade header were there
export const HEAD_CHUNKED = 16; // the body is chunked
export const HEAD_LENGTH = 32; // a Content-Length counts (contentLength is valid)
export const HEAD_CLOSE_DELIMITED = 64; // response whose body ends with the connection
export const HEAD_NO_BODY = 128; // nothing follows the head (HEAD answer, 1xx, 204, 304, GET without length …)
export const HEAD_MUST_CLOSE = 256; // framing was ambiguous (TE and CL, TE on 1.0): answer, then close
export const HEAD_EXPECT_CONTINUE = 512;
export const HEAD_ABSOLUTE_URI = 1024; // request target is scheme://authority/…
export const HEAD_TUNNEL = 2048; // CONNECT request, 101, or 2xx to a CONNECT: bytes flow blindly afterwards
export const HEAD_WEBSOCKET = 4096; // Upgrade: websocket

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

  /** Index of the first header with this id at or after `from`, or -1. */
  find(id: number, from: number): number {
    for (let index = from; index < this.headerCount; index++) {
      if (this.headerId[index] === id && (this.headerFlags[index]! & HEADER_REMOVED) === 0) return index;
    }
    return -1;
  }
}
