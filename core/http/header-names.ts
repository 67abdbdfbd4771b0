// The header names the proxy knows by number. A name is found by its length and first letter (no two known names
// share both), then compared once.

import { assert } from '../base/assert.ts';
import * as message from './message.ts';

const LENGTH_MAX = 32; // longer names are never known ones

/** Lower-case spelling by id; ids without a name are the empty string. */
export const HEADER_NAMES: readonly string[] = nameTable();

function nameTable(): string[] {
  const names: string[] = [];
  names[message.HEADER_OTHER] = '';
  names[message.HEADER_HOST] = 'host';
  names[message.HEADER_CONNECTION] = 'connection';
  names[message.HEADER_CONTENT_LENGTH] = 'content-length';
  names[message.HEADER_TRANSFER_ENCODING] = 'transfer-encoding';
  names[message.HEADER_UPGRADE] = 'upgrade';
  names[message.HEADER_EXPECT] = 'expect';
  names[message.HEADER_X_FORWARDED_FOR] = 'x-forwarded-for';
  names[message.HEADER_X_ORIGINAL_TO] = 'x-original-to';
  names[message.HEADER_FORWARDED] = 'forwarded';
  names[message.HEADER_KEEP_ALIVE] = 'keep-alive';
  names[message.HEADER_PROXY_CONNECTION] = 'proxy-connection';
  names[message.HEADER_TE] = 'te';
  names[message.HEADER_COOKIE] = 'cookie';
  names[message.HEADER_SET_COOKIE] = 'set-cookie';
  names[message.HEADER_CONTENT_TYPE] = 'content-type';
  names[message.HEADER_SEC_WEBSOCKET_KEY] = 'sec-websocket-key';
  names[message.HEADER_HTTP2_SETTINGS] = 'http2-settings';
  names[message.HEADER_AUTHORIZATION] = 'authorization';
  names[message.HEADER_DATE] = 'date';
  names[message.HEADER_SERVER] = 'server';
  names[message.HEADER_SEC_WEBSOCKET_ACCEPT] = 'sec-websocket-accept';
  return names;
}

// candidates[length*32 + (first letter & 31)] is the one id such a name can have; spellings holds LENGTH_MAX
// bytes per id.
const candidates = new Uint8Array(LENGTH_MAX * 32);
const spellings = new DataView(new ArrayBuffer(HEADER_NAMES.length * LENGTH_MAX));
const OTHER = message.HEADER_OTHER;

for (let id = 1; id < HEADER_NAMES.length; id++) {
  const name = HEADER_NAMES[id]!;
  const cell = name.length * 32 + (name.charCodeAt(0) & 31);
  assert(name.length > 0 && name.length < LENGTH_MAX, 'a known header name has 1 to 31 letters');
  assert(candidates[cell] === 0, 'two known header names share length and first letter');
  candidates[cell] = id;
  for (let index = 0; index < name.length; index++) {
    spellings.setUint8(id * LENGTH_MAX + index, name.charCodeAt(index));
  }
}

/**
 * The id of a header name that stands in lower case at `offset` of the arena, HEADER_OTHER for any unknown one.
 */
export function headerIdOf(view: DataView, offset: number, length: number): number {
  if (length >= LENGTH_MAX || length === 0) return OTHER;
  const id = candidates[length * 32 + (view.getUint8(offset) & 31)]!;
  if (id === OTHER) return OTHER;
  const spelling = id * LENGTH_MAX;
  let index = 0;
  for (; index + 4 <= length; index += 4) {
    if (view.getInt32(offset + index, true) !== spellings.getInt32(spelling + index, true)) return OTHER;
  }
  for (; index < length; index++) {
    if (view.getUint8(offset + index) !== spellings.getUint8(spelling + index)) return OTHER;
  }
  return id;
}
