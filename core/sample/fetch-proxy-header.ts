// What the client's PROXY header said besides addresses (manual §7.3.3 "fc_pp_…"; proxy-protocol.txt §2.2).

import { assert } from '../base/assert.ts';
import type { Arg } from '../model/language.ts';
import { type Fetch, type FetchRow, NO_ARGS } from './rows.ts';
import type { Subject } from './subject.ts';
import { type Sample, TYPE_BOOL, TYPE_STR, USE_L4CLI, USE_L5CLI } from './types.ts';

const TLV_HEADER_BYTES = 3;
const TYPE_AUTHORITY = 0x02;
const TYPE_UNIQUE_ID = 0x05;
const TLV_TYPE_MAX = 255;
const INT32_MAX = 0x7fff_ffff;

const TYPES: ReadonlyMap<string, number> = new Map([
  ['ALPN', 0x01],
  ['AUTHORITY', TYPE_AUTHORITY],
  ['CRC32C', 0x03],
  ['NOOP', 0x04],
  ['UNIQUE_ID', TYPE_UNIQUE_ID],
  ['SSL', 0x20],
  ['SSL_VERSION', 0x21],
  ['SSL_CN', 0x22],
  ['SSL_CIPHER', 0x23],
  ['SSL_SIG_ALG', 0x24],
  ['SSL_KEY_ALG', 0x25],
  ['NETNS', 0x30],
]);

/** A type's number from its name or digits (strtoul's: 0x…, 0…, sign); null: it is neither. */
function tlvType(text: string): number | null {
  const named = TYPES.get(text.toUpperCase());
  if (named !== undefined) return named;
  const match = /^\s*([-+]?)(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))?$/.exec(text);
  if (match === null || (text !== '' && match[2] === undefined && match[3] === undefined && match[4] === undefined)) {
    return null;
  }
  const [, sign, hex, octal, decimal] = match;
  const value = hex !== undefined ? parseInt(hex, 16) : octal !== undefined ? parseInt(octal, 8) : Number(decimal ?? 0);
  return sign === '-' ? -value : value;
}

/** Refuses what is no TLV type, in HAProxy's words. */
export function checkTlvType(args: readonly Arg[]): string | null {
  const arg = args[0];
  assert(arg?.kind === 'str', 'fc_pp_tlv has a type');
  const type = tlvType(arg.text);
  if (type === null) return `Could not convert type '${arg.text}'`;
  return type < 0 || type > TLV_TYPE_MAX ? `Invalid TLV Type '${arg.text}'` : null;
}

/**
 * Walks the TLVs from `cursor` for one of `type` and puts its value into the sample. `every`: an ACL is told whether
 * another one follows. The TLVs were checked when the header came, but a length is never trusted.
 */
function findTlv(subject: Subject, sample: Sample, type: number, every: boolean): boolean {
  const { front } = subject;
  sample.more = false;
  if (front === null) return false;
  if (front.isHandshaking === true) {
    sample.mayChange = true;
    return false;
  }
  const tlvs = front.proxyTlvs;
  if (tlvs === null) return false;
  const at = nextTlv(tlvs, sample.cursor, type);
  if (at < 0) return false;
  const length = tlvLength(tlvs, at);
  const after = at + TLV_HEADER_BYTES + length;
  sample.setBytes(TYPE_STR, tlvs, at + TLV_HEADER_BYTES, length);
  if (every && subject.iterate && nextTlv(tlvs, after, type) >= 0) {
    sample.more = true;
    sample.cursor = after;
  }
  return true;
}

function nextTlv(tlvs: Uint8Array, from: number, type: number): number {
  let at = from;
  while (at + TLV_HEADER_BYTES <= tlvs.length) {
    const end = at + TLV_HEADER_BYTES + tlvLength(tlvs, at);
    if (end > tlvs.length) return -1;
    if (tlvs[at] === type) return at;
    at = end;
  }
  return -1;
}

const tlvLength = (tlvs: Uint8Array, at: number): number => (tlvs[at + 1]! << 8) | tlvs[at + 2]!;

function compileTlv(args: readonly Arg[]): Fetch {
  const arg = args[0];
  assert(arg?.kind === 'str', 'fc_pp_tlv has a type');
  const type = tlvType(arg.text) ?? INT32_MAX;
  return (subject, sample) => findTlv(subject, sample, type, true);
}

function fetchReceivedProxy(subject: Subject, sample: Sample): boolean {
  const { front } = subject;
  if (front === null) return false;
  if (front.isHandshaking === true) {
    sample.mayChange = true;
    return false;
  }
  if (front.receivedProxy === undefined) return false;
  sample.setBool(front.receivedProxy);
  return true;
}

export const proxyHeaderFetches: readonly FetchRow[] = [
  {
    name: 'fc_pp_authority',
    args: NO_ARGS,
    out: TYPE_STR,
    uses: USE_L4CLI,
    compile: () => (subject, sample) => findTlv(subject, sample, TYPE_AUTHORITY, false),
  },
  {
    name: 'fc_pp_tlv',
    args: { kinds: ['str'], min: 1 },
    out: TYPE_STR,
    uses: USE_L5CLI,
    check: checkTlvType,
    compile: compileTlv,
  },
  {
    name: 'fc_pp_unique_id',
    args: NO_ARGS,
    out: TYPE_STR,
    uses: USE_L4CLI,
    compile: () => (subject, sample) => findTlv(subject, sample, TYPE_UNIQUE_ID, false),
  },
  { name: 'fc_rcvd_proxy', args: NO_ARGS, out: TYPE_BOOL, uses: USE_L4CLI, compile: () => fetchReceivedProxy },
];
