// IP addresses as bytes in network order, 4 or 16 of them, and as text. For set-up and log lines, not per packet.

import { assert } from '../base/assert.ts';

export const IPV4_BYTES = 4;
export const IPV6_BYTES = 16;

/** Bytes of a dotted IPv4 or a colon IPv6 address (RFC 4291 §2.2; no prefix, no zone); null when it is neither. */
export function parseAddress(text: string): Uint8Array | null {
  return text.includes(':') ? parseInet6(text) : parseInet(text);
}

/** As parseAddress, for what the configuration's parser has already accepted. */
export function addressOf(text: string): Uint8Array {
  const bytes = parseAddress(text);
  assert(bytes !== null, 'the model holds an address that is none');
  return bytes;
}

function parseInet(text: string): Uint8Array | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  const bytes = new Uint8Array(IPV4_BYTES);
  for (const [index, part] of parts.entries()) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return null;
    bytes[index] = Number(part);
  }
  return bytes;
}

function parseInet6(text: string): Uint8Array | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0]!);
  const tail = halves.length === 2 ? parseGroups(halves[1]!) : [];
  if (head === null || tail === null) return null;
  const given = head.length + tail.length;
  if (halves.length === 1 ? given !== IPV6_BYTES : given > IPV6_BYTES - 2) return null;
  const bytes = new Uint8Array(IPV6_BYTES);
  bytes.set(head, 0);
  bytes.set(tail, IPV6_BYTES - tail.length);
  return bytes;
}

function parseGroups(text: string): number[] | null {
  if (text === '') return [];
  const groups = text.split(':');
  const bytes: number[] = [];
  for (const [index, group] of groups.entries()) {
    if (index === groups.length - 1 && group.includes('.')) {
      const quad = parseInet(group);
      if (quad === null) return null;
      bytes.push(...quad);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return null;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 255);
    }
  }
  return bytes;
}

/** The address as inet_ntop(3) writes it, IPv4-mapped quads apart; '-' for null. */
export function formatAddress(bytes: Uint8Array | null): string {
  if (bytes === null) return '-';
  if (bytes.length === IPV4_BYTES) return bytes.join('.');
  const groups: number[] = [];
  for (let at = 0; at + 1 < bytes.length; at += 2) groups.push((bytes[at]! << 8) | bytes[at + 1]!);
  let runStart = -1;
  let runLength = 1;
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > runLength) {
      runStart = start;
      runLength = length;
    }
  }
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (runStart < 0) return hex(groups);
  return `${hex(groups.slice(0, runStart))}::${hex(groups.slice(runStart + runLength))}`;
}

/** Below 0, 0 or above 0 as `a` is numerically lower than, equal to or higher than `b` (RFC 9568 §6.4.3). */
export function compareAddresses(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let index = 0; index < a.length; index++) {
    const difference = a[index]! - b[index]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

export function sameAddress(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a !== null && b !== null && compareAddresses(a, b) === 0;
}

export function isMulticast(address: Uint8Array): boolean {
  return address.length === IPV4_BYTES ? (address[0]! & 0xf0) === 0xe0 : address[0] === 0xff;
}

/** fe80::/10 (RFC 4291 §2.5.6). */
export function isLinkLocal6(address: Uint8Array): boolean {
  return address.length === IPV6_BYTES && address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;
}
