// `option http-restrict-req-hdr-names` (manual §4.2): names with anything but letters, digits and dashes are taken out, or
// their request is refused. It comes after the http-request rules of the section that has it.

import { HEADER_REMOVED, type Head } from '../http/message.ts';

const DASH = 45;

/** Does what the option says to the head's lines. False: the request is refused. */
export function restrictNames(bytes: Uint8Array, head: Head, rejects: boolean): boolean {
  for (let index = 0; index < head.headerCount; index++) {
    if ((head.headerFlags[index]! & HEADER_REMOVED) !== 0) continue;
    if (isPlainName(bytes, head.nameOffset[index]!, head.nameLength[index]!)) continue;
    if (rejects) return false;
    head.removeHeader(index);
  }
  return true;
}

function isPlainName(bytes: Uint8Array, offset: number, length: number): boolean {
  for (let at = offset; at < offset + length; at++) {
    const byte = bytes[at]!;
    const lower = byte | 32;
    const isAlnum = (byte >= 48 && byte <= 57) || (lower >= 97 && lower <= 122);
    if (!isAlnum && byte !== DASH) return false;
  }
  return true;
}
