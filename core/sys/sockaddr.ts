// struct sockaddr_{in,in6,un} to bytes and back (ip(7), ipv6(7), unix(7)).

import { isIPv4, isIPv6 } from 'node:net';
import { AF_INET, AF_INET6, AF_UNIX } from './abi.ts';

/** sizeof(struct sockaddr_storage): room for any of them. */
export const SOCKADDR_BYTES_MAX = 128;
const SUN_PATH_BYTES = 108;

export interface DecodedSockaddr {
  family: number; // AF_INET, AF_INET6, AF_UNIX or another
  host: string; // address text, or the unix path ('' unnamed, leading \0 for abstract)
  port: number;
}

/** "1.2.3.4" to four bytes at `out[offset]`. The text is known to be an IPv4 address. */
export function ipv4ToBytes(text: string, out: Uint8Array, offset: number): void {
  const parts = text.split('.');
  for (let index = 0; index < 4; index++) out[offset + index] = Number(parts[index]);
}

/** IPv6 text (RFC 4291 §2.2, with `::` and an embedded IPv4 tail) to sixteen bytes at `out[offset]`. */
export function ipv6ToBytes(text: string, out: Uint8Array, offset: number): void {
  let source = text;
  const lastColon = source.lastIndexOf(':');
  const tail = source.slice(lastColon + 1);
  if (tail.includes('.')) {
    const quad = new Uint8Array(4);
    ipv4ToBytes(tail, quad, 0);
    const high = ((quad[0]! << 8) | quad[1]!).toString(16);
    const low = ((quad[2]! << 8) | quad[3]!).toString(16);
    source = `${source.slice(0, lastColon + 1)}${high}:${low}`;
  }
  const [headText, tailText] = source.split('::');
  const head = headText ? headText.split(':') : [];
  const rest = tailText ? tailText.split(':') : [];
  const groups = [...head, ...new Array<string>(8 - head.length - rest.length).fill('0'), ...rest];
  for (let index = 0; index < 8; index++) {
    const value = Number.parseInt(groups[index]!, 16);
    out[offset + index * 2] = value >> 8;
    out[offset + index * 2 + 1] = value & 255;
  }
}

/** Sixteen bytes to IPv6 text as inet_ntop(3) writes it (RFC 5952; mapped IPv4 keeps its dots). */
export function ipv6ToText(bytes: Uint8Array, offset: number): string {
  const groups: number[] = [];
  for (let index = 0; index < 8; index++) {
    groups.push((bytes[offset + index * 2]! << 8) | bytes[offset + index * 2 + 1]!);
  }
  let bestStart = -1;
  let bestLength = 1;
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > bestLength) {
      bestStart = start;
      bestLength = length;
    }
  }
  const quad = `${bytes[offset + 12]}.${bytes[offset + 13]}.${bytes[offset + 14]}.${bytes[offset + 15]}`;
  if (bestStart === 0 && bestLength === 5 && groups[5] === 0xffff) return `::ffff:${quad}`;
  if (bestStart === 0 && bestLength === 6) return `::${quad}`;
  if (bestStart < 0) return groups.map((group) => group.toString(16)).join(':');
  const left = groups.slice(0, bestStart).map((group) => group.toString(16));
  const right = groups.slice(bestStart + bestLength).map((group) => group.toString(16));
  return `${left.join(':')}::${right.join(':')}`;
}

/** struct sockaddr_in or _in6 for an address text; `scopeId` counts for IPv6 only. Throws TypeError on other text. */
export function encodeInet(host: string, port: number, scopeId = 0): Uint8Array {
  if (isIPv4(host)) {
    const bytes = new Uint8Array(16);
    bytes[0] = AF_INET;
    bytes[2] = port >> 8;
    bytes[3] = port & 255;
    ipv4ToBytes(host, bytes, 4);
    return bytes;
  }
  if (!isIPv6(host)) throw new TypeError(`not an IP address: ${host}`);
  const bytes = new Uint8Array(28);
  bytes[0] = AF_INET6;
  bytes[2] = port >> 8;
  bytes[3] = port & 255;
  ipv6ToBytes(host, bytes, 8);
  new DataView(bytes.buffer).setUint32(24, scopeId, true);
  return bytes;
}

/** struct sockaddr_un of a path; throws RangeError when longer than sun_path holds with its NUL. */
export function encodeUnixPath(path: string): Uint8Array {
  const text = new TextEncoder().encode(path);
  if (text.length >= SUN_PATH_BYTES) throw new RangeError(`unix socket path longer than ${SUN_PATH_BYTES - 1} bytes`);
  const bytes = new Uint8Array(2 + text.length + 1);
  bytes[0] = AF_UNIX;
  bytes.set(text, 2);
  return bytes;
}

/**
 * struct sockaddr_un of an abstract name. `padded`: NULs up to sun_path's end are part of the name (abns@); else it ends
 * with its last byte, as other programs do it (abnsz@). Throws RangeError when longer than 107 bytes.
 */
export function encodeUnixAbstract(name: string, padded: boolean): Uint8Array {
  const text = new TextEncoder().encode(name);
  if (text.length + 1 > SUN_PATH_BYTES) throw new RangeError(`abstract name longer than ${SUN_PATH_BYTES - 1} bytes`);
  const bytes = new Uint8Array(padded ? 2 + SUN_PATH_BYTES : 2 + 1 + text.length);
  bytes[0] = AF_UNIX;
  bytes.set(text, 3);
  return bytes;
}

/** Reads the sockaddr of `length` bytes at `bytes[0]`. Unknown families give their number and nothing else. */
export function decodeSockaddr(bytes: Uint8Array, length: number): DecodedSockaddr {
  const family = length >= 2 ? bytes[0]! | (bytes[1]! << 8) : 0;
  const port = (bytes[2]! << 8) | bytes[3]!;
  if (family === AF_INET) return { family, host: `${bytes[4]}.${bytes[5]}.${bytes[6]}.${bytes[7]}`, port };
  if (family === AF_INET6) return { family, host: ipv6ToText(bytes, 8), port };
  if (family !== AF_UNIX) return { family, host: '', port: 0 };
  let end = length;
  if (length > 2 && bytes[2] !== 0) {
    end = 2;
    while (end < length && bytes[end] !== 0) end++;
  }
  return { family, host: new TextDecoder().decode(bytes.subarray(2, end)), port: 0 };
}
