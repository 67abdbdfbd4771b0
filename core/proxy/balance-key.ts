// What hash algorithms go by, taken from a request while its head can be read (manual §4.2 "balance"): the URI, a parameter,
// a header, an RDP cookie, any expression. One key a backend, made once; HASH_NONE when the request has none.
//
// The client's address (`balance source`) is not here: assign.ts has it at any time.

import { HASH_NONE } from '../balance/contract.ts';
import { hashKey } from '../balance/hash.ts';
import { type Head, METHOD_POST } from '../http/message.ts';
import type { HashType, Proxy } from '../model/proxy.ts';
import { compileExpression, type Expression } from '../sample/expression.ts';
import { rdpFetches } from '../sample/fetch-rdp.ts';
import { bodyOf } from '../sample/http-body.ts';
import { HeaderName, HeaderWalk } from '../sample/http-header-walk.ts';
import { pathOffset } from '../sample/http-uri.ts';
import type { Fetch, Linker } from '../sample/rows.ts';
import { DIRECTION_REQUEST } from '../sample/subject.ts';
import { Sample, TYPE_BIN, TYPE_STR } from '../sample/types.ts';
import { aimRequest } from './language.ts';
import type { Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';

const SLASH = 0x2f;
const QUESTION_MARK = 0x3f;
const AMPERSAND = 0x26;
const EQUALS = 0x3d;
const DOT = 0x2e;

export interface BalanceKey {
  /** A POST's body may have the key: it is waited for. */
  readonly readsBody: boolean;

  /** The key's hash, unsigned 32 bits, or HASH_NONE. `head`: of the request, null in mode tcp. */
  hash(thread: ProxyThread, stream: Stream, head: Head | null): number;
}

/** The backend's key; null for algorithms that need nothing of the request. */
export function makeBalanceKey(proxy: Proxy, linker: Linker): BalanceKey | null {
  const { balance, hashType } = proxy;
  switch (balance.name) {
    case 'uri':
      return new UriKey(balance, hashType);
    case 'url_param':
      return new ParameterKey(balance.parameter, hashType);
    case 'hdr':
      return new HeaderKey(balance.header, balance.domainOnly, hashType);
    case 'rdp-cookie':
      return new RdpKey(balance.cookie, hashType, linker);
    case 'hash':
      return new ExpressionKey(compileExpression(balance.expression, linker), hashType);
    default:
      return null;
  }
}

class UriKey implements BalanceKey {
  readonly readsBody = false;
  private readonly whole: boolean;
  private readonly pathOnly: boolean;
  private readonly lengthMax: number;
  private readonly slashMax: number; // the slash that ends the key; 0: none does
  private readonly hashType: HashType;

  constructor(uri: Extract<Proxy['balance'], { name: 'uri' }>, hashType: HashType) {
    this.whole = uri.whole;
    this.pathOnly = uri.pathOnly;
    this.lengthMax = uri.length === 0 ? Number.MAX_SAFE_INTEGER : uri.length;
    this.slashMax = uri.depth === 0 ? 0 : uri.depth + 1;
    this.hashType = hashType;
  }

  hash(thread: ProxyThread, _stream: Stream, head: Head | null): number {
    if (head === null) return HASH_NONE;
    const { bytes } = thread;
    let start = head.uriOffset;
    let end = start + head.uriLength;
    if (this.pathOnly) {
      const path = pathOffset(bytes, start, end);
      start = path < 0 ? end : path;
    }
    end = this.keyEnd(bytes, start, Math.min(end, start + this.lengthMax));
    return hashKey(this.hashType, bytes, start, end);
  }

  private keyEnd(bytes: Uint8Array, start: number, limit: number): number {
    let slashCount = 0;
    for (let at = start; at < limit; at++) {
      const byte = bytes[at];
      if (byte === SLASH) {
        slashCount++;
        if (slashCount === this.slashMax) return at;
      } else if (byte === QUESTION_MARK && !this.whole) return at;
    }
    return limit;
  }
}

/** The first parameter of that name, in the query or, with POST, in the body; between `&` only, nothing decoded. */
class ParameterKey implements BalanceKey {
  readonly readsBody = true;
  private readonly name: Uint8Array;
  private readonly hashType: HashType;

  constructor(name: string, hashType: HashType) {
    this.name = Uint8Array.from(name, (char) => char.charCodeAt(0));
    this.hashType = hashType;
  }

  hash(thread: ProxyThread, stream: Stream, head: Head | null): number {
    if (head === null) return HASH_NONE;
    const { bytes } = thread;
    const end = head.uriOffset + head.uriLength;
    const query = indexOf(bytes, head.uriOffset, end, QUESTION_MARK) + 1;
    const value = query > end ? -1 : this.valueOffset(bytes, query, end);
    if (value >= 0) return hashKey(this.hashType, bytes, value, indexOf(bytes, value, end, AMPERSAND));
    return head.method === METHOD_POST ? this.hashBody(thread, stream, head) : HASH_NONE;
  }

  private hashBody(thread: ProxyThread, stream: Stream, head: Head): number {
    const subject = aimRequest(thread, stream, head);
    subject.direction = DIRECTION_REQUEST;
    const body = bodyOf(subject, head);
    if (body === null) return HASH_NONE;
    const { bytes, offset, length } = body;
    const end = offset + length;
    const value = this.valueOffset(bytes, offset, end);
    if (value < 0) return HASH_NONE;
    let at = value;
    for (; at < end && bytes[at] !== AMPERSAND; at++) {
      if (TOKEN[bytes[at]!] === 1) continue;
      if (isBlank(bytes[at]!)) break;
      return HASH_NONE; // no form: whatever stands there is no parameter
    }
    return hashKey(this.hashType, bytes, value, at);
  }

  private valueOffset(bytes: Uint8Array, from: number, end: number): number {
    const { length } = this.name;
    for (let at = from; at + length < end; at = indexOf(bytes, at, end, AMPERSAND) + 1) {
      if (bytes[at + length] === EQUALS && this.isName(bytes, at)) return at + length + 1;
    }
    return -1;
  }

  private isName(bytes: Uint8Array, offset: number): boolean {
    const { name } = this;
    for (let index = 0; index < name.length; index++) if (bytes[offset + index] !== name[index]) return false;
    return true;
  }
}

// RFC 9110 §5.6.2.
const TOKEN = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  TOKEN[char.charCodeAt(0)] = 1;
}

const isBlank = (byte: number): boolean => byte === 0x20 || byte === 9 || byte === 13 || byte === 10;

function indexOf(bytes: Uint8Array, from: number, end: number, byte: number): number {
  let at = from;
  while (at < end && bytes[at] !== byte) at++;
  return at;
}

/** The first value of the first line of that name. */
class HeaderKey implements BalanceKey {
  readonly readsBody = false;
  private readonly name: HeaderName;
  private readonly domainOnly: boolean;
  private readonly hashType: HashType;
  private readonly walk = new HeaderWalk();

  constructor(name: string, domainOnly: boolean, hashType: HashType) {
    this.name = new HeaderName(name);
    this.domainOnly = domainOnly;
    this.hashType = hashType;
  }

  hash(thread: ProxyThread, _stream: Stream, head: Head | null): number {
    if (head === null) return HASH_NONE;
    const { walk } = this;
    const { bytes } = thread;
    walk.begin();
    if (!walk.next(head, bytes, this.name, false) || walk.length === 0) return HASH_NONE;
    const end = walk.offset + walk.length;
    if (!this.domainOnly) return hashKey(this.hashType, bytes, walk.offset, end);
    return this.hashDomain(bytes, walk.offset, end);
  }

  // `haproxy` of www.haproxy.org: what stands before the last dot, back to the dot before it. A dot that begins the value
  // ends nothing.
  private hashDomain(bytes: Uint8Array, start: number, end: number): number {
    let domainEnd = end - 1;
    while (domainEnd > start && bytes[domainEnd] !== DOT) domainEnd--;
    if (domainEnd === start) return hashKey(this.hashType, bytes, start, end);
    let at = domainEnd - 1;
    while (at > start && bytes[at - 1] !== DOT) at--;
    return hashKey(this.hashType, bytes, at, domainEnd);
  }
}

/** Of the first bytes of a Remote Desktop connection, as far as rules have waited for them. */
class RdpKey implements BalanceKey {
  readonly readsBody = false;
  private readonly fetch: Fetch;
  private readonly sample = new Sample();
  private readonly hashType: HashType;

  constructor(cookie: string, hashType: HashType, linker: Linker) {
    const row = rdpFetches.find((each) => each.name === 'rdp_cookie')!;
    this.fetch = row.compile([{ kind: 'str', text: cookie }], linker);
    this.hashType = hashType;
  }

  hash(thread: ProxyThread, stream: Stream, head: Head | null): number {
    if (head !== null) return HASH_NONE;
    const { sample } = this;
    sample.begin();
    if (!this.fetch(aimRequest(thread, stream, null), sample) || sample.length === 0) return HASH_NONE;
    return hashKey(this.hashType, sample.bytes, sample.offset, sample.offset + sample.length);
  }
}

class ExpressionKey implements BalanceKey {
  readonly readsBody = false;
  private readonly expression: Expression;
  private readonly type: number;
  private readonly sample = new Sample();
  private readonly hashType: HashType;

  constructor(expression: Expression, hashType: HashType) {
    this.expression = expression;
    // A key that is the hash itself is read as a decimal number.
    this.type = hashType.function === 'none' ? TYPE_STR : TYPE_BIN;
    this.hashType = hashType;
  }

  hash(thread: ProxyThread, stream: Stream, head: Head | null): number {
    const { sample } = this;
    const subject = aimRequest(thread, stream, head);
    subject.direction = DIRECTION_REQUEST;
    subject.final = true;
    // Bytes of a connection are on their way to the server by now, as in HAProxy, and no fetch sees them.
    if (head === null) subject.requestData.length = 0;
    if (!this.expression.evaluateAs(subject, sample, this.type)) return HASH_NONE;
    return hashKey(this.hashType, sample.bytes, sample.offset, sample.offset + sample.length);
  }
}
