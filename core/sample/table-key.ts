// From a value to a key of a stick table, and back (manual §11.1: the key is converted to the table's type).

import type { StickTable } from '../tables/stick-table.ts';
import { castTo } from './casts.ts';
import type { Subject } from './subject.ts';
import { NO_BYTES, type Sample, TYPE_BIN, TYPE_IPV4, TYPE_IPV6, TYPE_SINT, TYPE_STR } from './types.ts';

const KEY_TYPES: Readonly<Record<string, number>> = {
  ip: TYPE_IPV4,
  ipv6: TYPE_IPV6,
  integer: TYPE_SINT,
  string: TYPE_STR,
  binary: TYPE_BIN,
};

/** Where keyOf left the key. */
export const tableKey: { bytes: Uint8Array; offset: number; length: number } = {
  bytes: NO_BYTES,
  offset: 0,
  length: 0,
};

/** Puts the value's key into `tableKey`; false: it has none. The sample is used up. */
export function keyOf(table: StickTable, sample: Sample, subject: Subject): boolean {
  const { keyType, keyBytes } = table.model;
  if (!castTo(sample, KEY_TYPES[keyType]!, subject)) return false;
  switch (keyType) {
    case 'ip':
    case 'integer':
      putWord(subject, sample.number);
      return true;
    case 'ipv6':
      return view(sample.bytes, sample.offset, 16);
    case 'string':
      return sample.length > 0 && view(sample.bytes, sample.offset, Math.min(sample.length, keyBytes));
    default:
      return padded(subject, sample, keyBytes);
  }
}

function view(bytes: Uint8Array, offset: number, length: number): boolean {
  tableKey.bytes = bytes;
  tableKey.offset = offset;
  tableKey.length = length;
  return true;
}

// Integers and addresses as four bytes, the highest first.
function putWord(subject: Subject, value: number): void {
  const { trash } = subject;
  const at = trash.take();
  const word = value | 0;
  trash.bytes[at] = word >>> 24;
  trash.bytes[at + 1] = (word >>> 16) & 255;
  trash.bytes[at + 2] = (word >>> 8) & 255;
  trash.bytes[at + 3] = word & 255;
  view(trash.bytes, at, 4);
}

// Binary keys are as long as the table says: cut, or filled up with zeroes.
function padded(subject: Subject, sample: Sample, keyBytes: number): boolean {
  if (sample.length === 0) return false;
  if (sample.length >= keyBytes) return view(sample.bytes, sample.offset, keyBytes);
  const { trash } = subject;
  const at = trash.take();
  const length = Math.min(keyBytes, trash.chunkBytes);
  trash.bytes.fill(0, at, at + length);
  for (let index = 0; index < sample.length; index++) trash.bytes[at + index] = sample.bytes[sample.offset + index]!;
  return view(trash.bytes, at, length);
}

/** An entry's key as a value of the table's type. Allocates the key's copy: it may be forgotten meanwhile. */
export function keyValue(table: StickTable, entry: number, sample: Sample): void {
  const key = table.key(entry);
  const word = (key[0]! << 24) | (key[1]! << 16) | (key[2]! << 8) | key[3]! | 0;
  switch (table.model.keyType) {
    case 'ip':
      sample.setIpv4(word);
      return;
    case 'integer':
      sample.setInt(word >>> 0);
      return;
    case 'ipv6':
      sample.setBytes(TYPE_IPV6, key, 0, 16);
      return;
    case 'string':
      sample.setBytes(TYPE_STR, key, 0, key.length);
      return;
    default:
      sample.setBytes(TYPE_BIN, key, 0, key.length);
  }
}
