// What one pattern says, by match method (manual §7.1.2 to §7.1.6): text → numbers, addresses, bytes, or HAProxy's words for
// why it says nothing.

import { METHOD_OTHER } from '../../http/message.ts';
import type { MatchMethod } from '../../model/language.ts';
import { methodOf } from '../casts.ts';
import { NOT_INET4, parseInet6, parseStrictInet4 } from '../numbers.ts';
import { compileRegex, type RegexResult } from './regex.ts';
import { latin1Bytes } from './texts.ts';

/** From … to, both inclusive; null: no bound. */
export interface Range {
  min: bigint | null;
  max: bigint | null;
}

/** Words of an address, big-endian; IPv4 has one. A mask of IPv4 may have holes: then `bits` is −1. */
export interface Network {
  family: 4 | 6;
  words: Uint32Array; // 4 of them
  mask: number; // IPv4's, as a word
  bits: number;
}

export type Parsed<T> = { ok: true; value: T } | { ok: false; message: string };

const failed = (message: string): { ok: false; message: string } => ({ ok: false, message });

const INT64_MAX = 0x7fff_ffff_ffff_ffffn;
const INT64_MIN = -0x8000_0000_0000_0000n;
const VERSION_PART_MAX = 65535n;

/** Digits with an optional minus, all of the text, within 64 bits; null when it is anything else. A lone minus is 0. */
export function parseWholeInt(text: string): bigint | null {
  if (text === '-') return 0n;
  if (!/^-?[0-9]+$/.test(text)) return null;
  const value = BigInt(text);
  return value > INT64_MAX || value < INT64_MIN ? null : value;
}

/** `3`, `3.1`: both parts below 65536, as one number. */
function parseVersion(text: string): bigint | null {
  const dot = text.indexOf('.');
  const major = parseWholeInt(dot < 0 ? text : text.slice(0, dot));
  const minor = dot < 0 ? 0n : parseWholeInt(text.slice(dot + 1));
  if (major === null || minor === null || major > VERSION_PART_MAX || minor > VERSION_PART_MAX) return null;
  return (major << 16n) | (minor & 0xffffn);
}

/** `5`, `5:9`, `5-9`, `:9`, `5:`. A `-` is always taken for the separator, so that negative numbers cannot be written. */
export function parseRange(text: string): Parsed<Range> {
  return readRange(text, parseWholeInt, (whole) => (whole ? 'a number' : 'a valid number range'));
}

export function parseVersionRange(text: string): Parsed<Range> {
  return readRange(text, parseVersion, (whole) => (whole ? 'a dotted number' : 'a valid dotted number range'));
}

function readRange(
  text: string,
  read: (part: string) => bigint | null,
  wanted: (whole: boolean) => string,
): Parsed<Range> {
  const wrong = (whole: boolean): { ok: false; message: string } => failed(`'${text}' is not ${wanted(whole)}`);
  const separator = text.search(/[:-]/);
  if (text === '') return wrong(false);
  if (separator < 0) {
    const value = read(text);
    return value === null ? wrong(true) : { ok: true, value: { min: value, max: value } };
  }
  const left = text.slice(0, separator);
  const right = text.slice(separator + 1);
  const min = left === '' && right !== '' ? undefined : read(left);
  const max = right === '' ? undefined : read(right);
  if (min === null || max === null) return wrong(false);
  if (min !== undefined && max !== undefined && min > max) return wrong(false);
  return { ok: true, value: { min: min ?? null, max: max ?? null } };
}

const address = new Uint8Array(16);

/** `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `2001:db8::/32`; host names only through `hosts`. */
export function parseNetwork(text: string, hosts: Readonly<Record<string, string>>): Parsed<Network> {
  const slash = text.lastIndexOf('/');
  const host = slash < 0 ? text : text.slice(0, slash);
  const length = slash < 0 ? null : text.slice(slash + 1);
  const mask = length === null ? 0xffff_ffff : parseMask4(length);
  if (mask !== null) {
    const bytes = latin1Bytes(Object.hasOwn(hosts, host) ? hosts[host]! : host);
    const word = parseStrictInet4(bytes, 0, bytes.length);
    if (word !== NOT_INET4) return { ok: true, value: inet4(word, mask) };
  }
  const bits = length === null ? 128 : parseBits(length, 128);
  const bytes = latin1Bytes(host);
  if (bits === null || !parseInet6(bytes, 0, bytes.length, address, 0)) {
    return failed(`'${text}' is not a valid IPv4 or IPv6 address`);
  }
  const words = new Uint32Array(4);
  for (let index = 0; index < 16; index++) words[index >> 2] = (words[index >> 2]! << 8) | address[index]!;
  return { ok: true, value: { family: 6, words, mask: 0, bits } };
}

/** The part before the mask, when it can only be a host name of IPv4. */
export function hostOfNetwork(text: string): string {
  const slash = text.lastIndexOf('/');
  if (slash >= 0 && parseMask4(text.slice(slash + 1)) === null) return '';
  return slash < 0 ? text : text.slice(0, slash);
}

function inet4(word: number, mask: number): Network {
  const words = new Uint32Array(4);
  words[0] = word;
  const holes = ((mask + (mask & -mask)) >>> 0 !== 0) as boolean;
  return { family: 4, words, mask, bits: holes ? -1 : mask === 0 ? 0 : 32 - Math.log2((mask & -mask) >>> 0) };
}

/** As strtoul(3) reads it: blanks and a sign may come first; null when it is no number up to `max`. */
function parseBits(text: string, max: number): number | null {
  const match = /^[ \t\n\v\f\r]*([+-]?)([0-9]+)$/.exec(text);
  if (match === null) return null;
  const value = Number(match[2]) * (match[1] === '-' ? -1 : 1);
  return value < 0 || value > max ? null : value;
}

function parseMask4(text: string): number | null {
  if (text.includes('.')) {
    const bytes = latin1Bytes(text);
    const word = parseStrictInet4(bytes, 0, bytes.length);
    return word === NOT_INET4 ? null : word;
  }
  const bits = parseBits(text, 32);
  if (bits === null) return null;
  return bits === 0 ? 0 : (0xffff_ffff << (32 - bits)) >>> 0;
}

/** Pairs of hex digits. */
export function parseHexBytes(text: string): Parsed<Uint8Array> {
  if (text.length % 2 !== 0) return failed('an even number of hex digit is expected');
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < text.length; at++) {
    const digit = Number.parseInt(text[at]!, 16);
    if (Number.isNaN(digit)) return failed(`an hex digit is expected (found '${text[at]}')`);
    bytes[at >> 1] = (bytes[at >> 1]! << 4) | digit;
  }
  return { ok: true, value: bytes };
}

/** METHOD_… of a method's name, METHOD_OTHER for those that have none. */
export function parseMethodName(text: string): number {
  const bytes = latin1Bytes(text);
  return bytes.length === 0 ? METHOD_OTHER : methodOf(bytes, 0, bytes.length);
}

export function parsePatternRegex(text: string, method: MatchMethod, ignoreCase: boolean): RegexResult {
  return compileRegex(text, ignoreCase, method === 'regm');
}

/** Why `text` is no pattern of that method, in HAProxy's words; null when it is one. */
export function checkKey(
  text: string,
  method: MatchMethod,
  ignoreCase: boolean,
  hosts: Readonly<Record<string, string>>,
): string | null {
  const result = parseFor(text, method, ignoreCase, hosts);
  return result === null || result.ok ? null : result.message;
}

function parseFor(
  text: string,
  method: MatchMethod,
  ignoreCase: boolean,
  hosts: Readonly<Record<string, string>>,
): Parsed<unknown> | RegexResult | null {
  switch (method) {
    case 'int':
    case 'len':
      return parseRange(text);
    case 'ver':
      return parseVersionRange(text);
    case 'ip':
      return parseNetwork(text, hosts);
    case 'bin':
      return parseHexBytes(text);
    case 'reg':
    case 'regm':
      return parsePatternRegex(text, method, ignoreCase);
    default:
      return null;
  }
}
