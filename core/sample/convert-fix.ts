// FIX messages (manual §7.3.1): `tag=value` fields, each ended by SOH; whether a message is whole and right, and one tag's
// value. A message that may go on sets mayChange, so that rules wait for more.

import { bytesOfText, textOf } from './convert-arguments.ts';
import { type ConverterRow, NO_ARGS } from './rows.ts';
import { type Sample, TYPE_BIN, TYPE_BOOL } from './types.ts';

const SOH = 0x01;
const EQUALS = 0x3d;

const TAG_BEGIN_STRING = 8;
const TAG_BODY_LENGTH = 9;
const TAG_CHECK_SUM = 10;
const TAG_MSG_TYPE = 35;
const MESSAGE_BYTES_MIN = 26;

/** The tags that may be called by name, in small letters. */
const TAG_NAMES: Readonly<Record<string, number>> = {
  beginstring: TAG_BEGIN_STRING,
  bodylength: TAG_BODY_LENGTH,
  checksum: TAG_CHECK_SUM,
  msgtype: TAG_MSG_TYPE,
  sendercompid: 49,
  targetcompid: 56,
};

/** Versions and the highest tag that each has; tags 10000 to 19999 are the users' own. */
const VERSIONS: readonly [text: Uint8Array, tagMax: number][] = [
  [bytesOfText('FIX.4.0'), 140],
  [bytesOfText('FIX.4.1'), 211],
  [bytesOfText('FIX.4.2'), 446],
  [bytesOfText('FIX.4.3'), 659],
  [bytesOfText('FIX.4.4'), 956],
  [bytesOfText('FIXT.1.1'), 1621],
];

// One field: tag bytes[tagAt, equalsAt), value bytes[equalsAt + 1, valueEnd).
let equalsAt = 0;
let valueEnd = 0;

/** Finds the field at `from`; false: its end is not there yet. */
function readField(bytes: Uint8Array, from: number, end: number): boolean {
  equalsAt = from;
  while (equalsAt < end && bytes[equalsAt] !== EQUALS) equalsAt++;
  valueEnd = equalsAt;
  while (valueEnd < end && bytes[valueEnd] !== SOH) valueEnd++;
  return valueEnd < end;
}

/** bytes[from, to) as a number of 32 bits that wraps; −1: not only digits. */
function readUint(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = (Math.imul(value, 10) + digit) | 0;
  }
  return value >>> 0;
}

function isAllowed(tag: number, tagMax: number): boolean {
  return tag > 0 && (tag <= tagMax || (tag >= 10_000 && tag <= 19_999));
}

function tagMaxOf(bytes: Uint8Array, from: number, to: number): number {
  for (const [text, tagMax] of VERSIONS) {
    if (text.length !== to - from) continue;
    let same = 0;
    while (same < text.length && bytes[from + same] === text[same]) same++;
    if (same === text.length) return tagMax;
  }
  return -1;
}

const INVALID = 0;
const VALID = 1;
const PARTIAL = 2;

function validate(bytes: Uint8Array, offset: number, length: number): number {
  if (length < MESSAGE_BYTES_MIN) return PARTIAL;
  const end = offset + length;
  let tagMax = 0xffff_ffff; // the first tag has no version yet
  let bodyAt = -1;
  let bodyLength = 0;
  let checksum = 0;
  let count = 0;
  for (let at = offset; at < end; at = valueEnd + 1) {
    if (!readField(bytes, at, end)) return PARTIAL;
    const tag = readUint(bytes, at, equalsAt);
    if (equalsAt === at || !isAllowed(tag, tagMax)) return INVALID;
    count++;
    if (count === 1) {
      tagMax = tagMaxOf(bytes, equalsAt + 1, valueEnd);
      if (tag !== TAG_BEGIN_STRING || tagMax < 0) return INVALID;
    } else if (count === 2) {
      bodyLength = readUint(bytes, equalsAt + 1, valueEnd);
      if (tag !== TAG_BODY_LENGTH || bodyLength <= 0) return INVALID;
      bodyAt = valueEnd + 1;
    } else if (count === 3) {
      if (tag !== TAG_MSG_TYPE) return INVALID;
    } else if (tag === TAG_CHECK_SUM) {
      if (bodyLength !== at - bodyAt || valueEnd - equalsAt !== 4) return INVALID;
      return threeDigits(bytes, equalsAt + 1) === checksum ? VALID : INVALID;
    }
    for (let index = at; index <= valueEnd; index++) checksum = (checksum + bytes[index]!) & 0xff;
  }
  return bodyAt < 0 ? INVALID : PARTIAL;
}

// Any bytes are taken for digits.
function threeDigits(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! - 0x30) * 100 + (bytes[at + 1]! - 0x30) * 10 + bytes[at + 2]! - 0x30) >>> 0;
}

function isValid(sample: Sample): boolean {
  const verdict = validate(sample.bytes, sample.offset, sample.length);
  sample.mayChange = verdict === PARTIAL;
  if (verdict === PARTIAL) return false;
  sample.setBool(verdict === VALID);
  return true;
}

/** The value of the first field with this tag; a checksum ends the message. */
function tagValue(sample: Sample, wanted: number): boolean {
  const { bytes } = sample;
  const end = sample.offset + sample.length;
  sample.mayChange = false;
  for (let at = sample.offset; at < end; at = valueEnd + 1) {
    if (!readField(bytes, at, end)) break;
    const tag = readUint(bytes, at, equalsAt);
    if (equalsAt === at || tag <= 0) return false;
    if (tag === wanted) {
      sample.offset = equalsAt + 1;
      sample.length = valueEnd - equalsAt - 1;
      sample.mayChange = sample.length === 0;
      return sample.length > 0;
    }
    if (tag === TAG_CHECK_SUM) return false;
  }
  sample.mayChange = true;
  return false;
}

/** Number of a configured tag; 0: unknown. */
function tagNumber(text: string): number {
  const bytes = bytesOfText(text);
  const number = readUint(bytes, 0, bytes.length);
  return number > 0 ? number : (TAG_NAMES[text.toLowerCase()] ?? 0);
}

export const fixConverters: readonly ConverterRow[] = [
  { name: 'fix_is_valid', args: NO_ARGS, in: TYPE_BIN, out: TYPE_BOOL, compile: () => isValid },
  {
    name: 'fix_tag_value',
    args: { kinds: ['str'], min: 1 },
    in: TYPE_BIN,
    out: TYPE_BIN,
    check(args) {
      const text = textOf(args, 0);
      return tagNumber(text) === 0 ? `Unknown FIX tag name '${text}'` : null;
    },
    compile(args) {
      const tag = tagNumber(textOf(args, 0));
      return (sample) => tagValue(sample, tag);
    },
  },
];
