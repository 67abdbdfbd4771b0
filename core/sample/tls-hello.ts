// Peeks into a TLS ClientHello that a proxy passes on unread (RFC 8446 §4.1.2): bytes in, places out, nothing kept.
//
// Safe on hostile bytes: each exit is a verdict, and no byte beyond `end` is looked at. As HAProxy it reads one record and
// one message; a hello that is spread over several records is waited for as if it were one, and then read with the inner
// record header in it. There are two ways in, because HAProxy has two: findExtensions wants the whole record first,
// findExtensionsEarly only about the whole message.

export const HELLO_OK = 1;
export const HELLO_PARTIAL = 0; // right so far
export const HELLO_NOT = -1; // no ClientHello with extensions begins like this
export type HelloVerdict = 1 | 0 | -1;

export const EXTENSION_SERVER_NAME = 0;
export const EXTENSION_SUPPORTED_GROUPS = 10;
export const EXTENSION_SIGNATURE_ALGORITHMS = 13;
export const EXTENSION_ALPN = 16;
export const EXTENSION_SESSION_TICKET = 35;
export const EXTENSION_KEY_SHARE = 51;

const RECORD_HANDSHAKE = 0x16;
const RECORD_HEADER_BYTES = 5;
const MESSAGE_CLIENT_HELLO = 0x01;
const MESSAGE_HEADER_BYTES = 4;
const EXTENSION_HEADER_BYTES = 4;
const VERSION_AND_RANDOM_BYTES = 34;
const SESSION_ID_BYTES_MAX = 32;
// version, random, empty session id, one cipher with its length, one compression method with its length, extensions' length
const HELLO_BYTES_MIN = 2 + 32 + 1 + 2 + 2 + 1 + 1 + 2 + 2;
const RECORD_BYTES_MIN = MESSAGE_HEADER_BYTES + HELLO_BYTES_MIN;

/** What was found, made once and used for many: bytes [offset, offset + length). */
export class HelloPart {
  offset = 0;
  length = 0;
  after = 0; // of an extension: bytes of the block behind it
}

const read16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;

/** The list of cipher suites, two bytes each. */
export function findCiphers(bytes: Uint8Array, start: number, end: number, part: HelloPart): HelloVerdict {
  const verdict = findHello(bytes, start, end, true, part);
  return verdict === HELLO_OK ? skipToCiphers(bytes, end, part) : verdict;
}

/** The extensions' block, when the record and its message are whole. */
export function findExtensions(bytes: Uint8Array, start: number, end: number, part: HelloPart): HelloVerdict {
  const verdict = findHello(bytes, start, end, true, part);
  return verdict === HELLO_OK ? skipToExtensions(bytes, end, part) : verdict;
}

/** As findExtensions, but neither the record's end nor the message's last four bytes are waited for. */
export function findExtensionsEarly(bytes: Uint8Array, start: number, end: number, part: HelloPart): HelloVerdict {
  const verdict = findHello(bytes, start, end, false, part);
  return verdict === HELLO_OK ? skipToExtensions(bytes, end, part) : verdict;
}

/** The message's body; its length may go beyond `end` when `whole` is not asked for. */
function findHello(bytes: Uint8Array, start: number, end: number, whole: boolean, part: HelloPart): HelloVerdict {
  const have = end - start;
  if (have < 1) return HELLO_PARTIAL;
  if (bytes[start] !== RECORD_HANDSHAKE) return HELLO_NOT;
  if (have < 3) return HELLO_PARTIAL;
  if (bytes[start + 1]! < 3) return HELLO_NOT;
  if (have < RECORD_HEADER_BYTES) return HELLO_PARTIAL;
  const recordBytes = read16(bytes, start + 3);
  if (recordBytes < RECORD_BYTES_MIN) return HELLO_NOT;
  const at = start + RECORD_HEADER_BYTES;
  const left = end - at;
  if (whole && left < recordBytes) return HELLO_PARTIAL;
  if (left < 1) return HELLO_PARTIAL;
  if (bytes[at] !== MESSAGE_CLIENT_HELLO) return HELLO_NOT;
  if (left < MESSAGE_HEADER_BYTES) return HELLO_PARTIAL;
  const length = (bytes[at + 1]! << 16) | read16(bytes, at + 2);
  if (length < HELLO_BYTES_MIN) return HELLO_NOT;
  if (left - (whole ? MESSAGE_HEADER_BYTES : 0) < length) return HELLO_PARTIAL;
  part.offset = at + MESSAGE_HEADER_BYTES;
  part.length = length;
  if (bytes[part.offset]! < 3 || bytes[part.offset + 1]! < 1) return HELLO_NOT;
  return HELLO_OK;
}

function skipToCiphers(bytes: Uint8Array, end: number, part: HelloPart): HelloVerdict {
  const sessionIdBytes = bytes[part.offset + VERSION_AND_RANDOM_BYTES]!;
  const skipped = VERSION_AND_RANDOM_BYTES + 1;
  if (sessionIdBytes > SESSION_ID_BYTES_MAX || sessionIdBytes > part.length - skipped) return HELLO_NOT;
  part.offset += skipped + sessionIdBytes;
  part.length -= skipped + sessionIdBytes;
  if (part.length < 4) return HELLO_NOT;
  if (part.offset + 2 > end) return HELLO_PARTIAL;
  const helloEnd = part.offset + part.length;
  const cipherBytes = read16(bytes, part.offset);
  // As in HAProxy the list's own length counts here, so that a lying one may end two bytes behind the message.
  if (cipherBytes < 2 || cipherBytes > part.length) return HELLO_NOT;
  part.offset += 2;
  part.length = cipherBytes;
  const listEnd = part.offset + cipherBytes;
  if (listEnd <= end) return HELLO_OK;
  return listEnd > helloEnd ? HELLO_NOT : HELLO_PARTIAL;
}

function skipToExtensions(bytes: Uint8Array, end: number, part: HelloPart): HelloVerdict {
  const helloEnd = part.offset + part.length;
  const verdict = skipToCiphers(bytes, end, part);
  if (verdict !== HELLO_OK) return verdict;
  let at = part.offset + part.length;
  let left = helloEnd - at;
  if (left < 2) return HELLO_NOT;
  if (at >= end) return HELLO_PARTIAL;
  const methodBytes = bytes[at]!;
  if (methodBytes < 1 || methodBytes > left) return HELLO_NOT;
  at += 1 + methodBytes;
  left = helloEnd - at;
  if (left < 2) return HELLO_NOT;
  if (at + 2 > end) return HELLO_PARTIAL;
  const length = read16(bytes, at);
  if (length > left - 2) return HELLO_NOT;
  part.offset = at + 2;
  part.length = length;
  return HELLO_OK;
}

/**
 * The first extension of `type` in the block at `part`: on success `part` is its data. HELLO_NOT: the block is malformed
 * before it, or ends without it (then `part.length` is 0, see lacksExtension); HELLO_PARTIAL: it is not all there yet.
 */
export function findExtension(bytes: Uint8Array, end: number, type: number, part: HelloPart): HelloVerdict {
  let at = part.offset;
  const blockEnd = at + part.length;
  while (blockEnd - at >= EXTENSION_HEADER_BYTES) {
    if (at + EXTENSION_HEADER_BYTES > end) return HELLO_PARTIAL;
    const length = read16(bytes, at + 2);
    const dataAt = at + EXTENSION_HEADER_BYTES;
    if (length > blockEnd - dataAt) {
      part.length = blockEnd - at;
      return HELLO_NOT;
    }
    if (read16(bytes, at) === type) {
      part.offset = dataAt;
      part.length = length;
      part.after = blockEnd - dataAt - length;
      return dataAt + length > end ? HELLO_PARTIAL : HELLO_OK;
    }
    at = dataAt + length;
  }
  part.length = 0;
  return HELLO_NOT;
}

/** After findExtension said HELLO_NOT: the block was well-formed and has no such extension. */
export const lacksExtension = (part: HelloPart): boolean => part.length === 0;

/** The name asked for (RFC 6066 §3): the first server_name extension whose first entry is a host name. */
export function findServerName(bytes: Uint8Array, start: number, end: number, part: HelloPart): HelloVerdict {
  let verdict = findExtensionsEarly(bytes, start, end, part);
  if (verdict !== HELLO_OK) return verdict;
  for (;;) {
    verdict = findExtension(bytes, end, EXTENSION_SERVER_NAME, part);
    if (verdict !== HELLO_OK) return verdict;
    const blockEnd = part.offset + part.length + part.after;
    const dataEnd = part.offset + part.length;
    verdict = readHostName(bytes, end, blockEnd, part);
    if (verdict !== HELLO_OK || part.length >= 0) return verdict;
    part.offset = dataEnd;
    part.length = blockEnd - dataEnd;
  }
}

// On success `part` is the name; length −1: the entry is of another kind. The list may end behind its extension, not
// behind the block: HAProxy's check.
function readHostName(bytes: Uint8Array, end: number, blockEnd: number, part: HelloPart): HelloVerdict {
  const listBytes = listLength(bytes, blockEnd, 4, part);
  if (listBytes < 0) return HELLO_NOT;
  const at = part.offset + 2;
  if (at + 3 > end) return HELLO_PARTIAL;
  const nameBytes = read16(bytes, at + 1);
  if (nameBytes + 3 > listBytes) return HELLO_NOT;
  if (bytes[at] !== 0) {
    part.length = -1;
    return HELLO_OK;
  }
  part.offset = at + 3;
  part.length = nameBytes;
  return part.offset + nameBytes > end ? HELLO_PARTIAL : HELLO_OK;
}

/** The list of 16-bit numbers that is the data of extension `type` (supported_groups, signature_algorithms). */
export function findList(
  bytes: Uint8Array,
  start: number,
  end: number,
  type: number,
  lengthMin: number,
  part: HelloPart,
): HelloVerdict {
  let verdict = findExtensions(bytes, start, end, part);
  if (verdict === HELLO_OK) verdict = findExtension(bytes, end, type, part);
  if (verdict !== HELLO_OK) return verdict;
  const length = listLength(bytes, part.offset + part.length + part.after, lengthMin, part);
  if (length < 0) return HELLO_NOT;
  part.offset += 2;
  part.length = length;
  return part.offset + length > end ? HELLO_PARTIAL : HELLO_OK;
}

/** The length that opens an extension's list; −1 when it is not there, below `min`, or goes beyond the block. */
function listLength(bytes: Uint8Array, blockEnd: number, min: number, part: HelloPart): number {
  if (part.length < 2) return -1;
  const length = read16(bytes, part.offset);
  return length < min || length > blockEnd - part.offset - 2 ? -1 : length;
}

/**
 * One of the protocols offered (RFC 7301 §3.1): the first, or with `from` > 0 the one at that place of the extension's data.
 * On success `part` is the name and `part.after` where the next one begins, 0 when there is none.
 */
export function findProtocol(
  bytes: Uint8Array,
  start: number,
  end: number,
  from: number,
  part: HelloPart,
): HelloVerdict {
  let verdict = findExtensionsEarly(bytes, start, end, part);
  if (verdict === HELLO_OK) verdict = findExtension(bytes, end, EXTENSION_ALPN, part);
  if (verdict !== HELLO_OK) return verdict;
  const { offset, length } = part;
  const at = Math.max(2, from); // behind the list's length, which is not trusted
  if (length < 3 || at >= length) return HELLO_NOT;
  const nameBytes = bytes[offset + at]!;
  const next = at + 1 + nameBytes;
  if (next > length) return HELLO_NOT;
  part.offset = offset + at + 1;
  part.length = nameBytes;
  part.after = next < length ? next : 0;
  return HELLO_OK;
}
