// Where a server's nodes stand on the consistent ring (manual §5.2 "hash-key"): each node at mix(key + its number).

import { xxh32 } from '../base/xxh32.ts';
import type { Server } from '../model/proxy.ts';
import { EFFECTIVE_WEIGHT_MAX } from '../shared/server-words.ts';
import { mix } from './hash.ts';

const GROUP_COUNT = 8; // of an IPv6 address

/** The key of `hash-key`, 32 bits; by id where what it names is not there (a Unix socket's address, no guid). */
export function serverKey(server: Server): number {
  const { hashKey, guid, address, id, resolved } = server;
  if (hashKey === 'id32') return mix(swapBytes(id));
  if (hashKey === 'guid' && guid !== '') {
    const bytes = Uint8Array.from(guid, (char) => char.charCodeAt(0));
    return xxh32(bytes, 0, bytes.length, 0);
  }
  if (resolved && (hashKey === 'addr' || hashKey === 'addr-port')) {
    const seed = hashKey === 'addr' ? 0 : mix(portOf(server));
    if (address.family === 'inet') return mix(inetWord(address.host) + seed);
    if (address.family === 'inet6') return xxh32(inet6Bytes(address.host), 0, GROUP_COUNT * 2, seed);
  }
  return Math.imul(id, EFFECTIVE_WEIGHT_MAX) >>> 0;
}

// `:+100` counts with its offset, as HAProxy keeps it where the port stands.
function portOf({ address, portOffset }: Server): number {
  if (address.family !== 'inet' && address.family !== 'inet6') return 0;
  return address.port !== 0 ? address.port : portOffset;
}

function swapBytes(value: number): number {
  const word = value >>> 0;
  return (((word & 255) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}

// The address's bytes read as a little-endian word, as HAProxy does on the machines we run on.
function inetWord(host: string): number {
  const [a = 0, b = 0, c = 0, d = 0] = host.split('.').map(Number);
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}

/** The 16 bytes of an IPv6 address in text; a dotted tail is understood. */
function inet6Bytes(host: string): Uint8Array {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(host);
  const text = dotted === null ? host : `${dotted[1]}${pair(dotted[2], dotted[3])}:${pair(dotted[4], dotted[5])}`;
  const [before = '', after] = text.split('::');
  const head = groups(before);
  const tail = after === undefined ? [] : groups(after);
  const words = [...head, ...Array<number>(GROUP_COUNT - head.length - tail.length).fill(0), ...tail];
  return Uint8Array.from(words.flatMap((word) => [word >>> 8, word & 255]));
}

const pair = (high = '', low = ''): string => (Number(high) * 256 + Number(low)).toString(16);

const groups = (text: string): number[] =>
  text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
