// Fetches whose value is written in the configuration: str, bool, int, ipv4, ipv6, bin, meth (manual §7.3.1).

import { assert } from '../base/assert.ts';
import type { Arg } from '../model/language.ts';
import { methodOf } from './casts.ts';
import type { ArgKind, CheckArgs, Fetch, FetchRow } from './rows.ts';
import {
  type SampleType,
  TYPE_BIN,
  TYPE_BOOL,
  TYPE_IPV4,
  TYPE_IPV6,
  TYPE_METH,
  TYPE_SINT,
  TYPE_STR,
  USE_CONST,
} from './types.ts';

const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

function textOf(args: readonly Arg[]): string {
  const [arg] = args;
  return arg?.kind === 'str' ? arg.text : '';
}

const BOOLEANS: Record<string, boolean> = { true: true, 1: true, false: false, 0: false };

function checkBool(args: readonly Arg[]): string | null {
  return textOf(args).toLowerCase() in BOOLEANS ? null : "Expects 'true', 'false', '0' or '1'";
}

/** Pairs of hexadecimal digits; HAProxy's words for what is none. */
function checkHex(args: readonly Arg[]): string | null {
  const text = textOf(args);
  if (text.length % 2 === 1) return 'an even number of hex digit is expected';
  return /^[0-9a-fA-F]*$/.test(text) ? null : 'an hex digit is expected';
}

/** A token of RFC 9110 §5.6.2. */
function checkMethod(args: readonly Arg[]): string | null {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]*$/.test(textOf(args)) ? null : 'expects valid method.';
}

function bytesFetch(type: SampleType, bytes: Uint8Array): Fetch {
  return (_subject, sample) => {
    sample.setBytes(type, bytes, 0, bytes.length);
    return true;
  };
}

function boolFetch(value: boolean): Fetch {
  return (_subject, sample) => {
    sample.setBool(value);
    return true;
  };
}

function intFetch(args: readonly Arg[]): Fetch {
  const [arg] = args;
  assert(arg?.kind === 'sint', 'int() has an integer');
  const { value, exact } = arg;
  if (Number.isSafeInteger(value)) {
    return (_subject, sample) => {
      sample.setInt(value);
      return true;
    };
  }
  const wide = BigInt(exact);
  return (_subject, sample) => {
    sample.setWide(wide);
    return true;
  };
}

function ipv4Fetch(args: readonly Arg[]): Fetch {
  const [arg] = args;
  assert(arg?.kind === 'ipv4', 'ipv4() has an address');
  const { word } = arg;
  return (_subject, sample) => {
    sample.setIpv4(word);
    return true;
  };
}

function ipv6Fetch(args: readonly Arg[]): Fetch {
  const [arg] = args;
  assert(arg?.kind === 'ipv6', 'ipv6() has an address');
  const bytes = Buffer.alloc(16);
  arg.words.forEach((word, index) => {
    bytes.writeUInt32BE(word, index * 4);
  });
  return bytesFetch(TYPE_IPV6, new Uint8Array(bytes));
}

function methodFetch(args: readonly Arg[]): Fetch {
  const name = latin1(textOf(args));
  const method = methodOf(name, 0, name.length);
  return (_subject, sample) => {
    sample.setBytes(TYPE_METH, name, 0, name.length);
    sample.number = method;
    return true;
  };
}

function row(name: string, kind: ArgKind, out: SampleType, compile: FetchRow['compile'], check?: CheckArgs): FetchRow {
  const args = { kinds: [kind], min: 1 };
  return check === undefined
    ? { name, args, out, uses: USE_CONST, compile }
    : { name, args, out, uses: USE_CONST, check, compile };
}

export const constantFetches: readonly FetchRow[] = [
  row('str', 'str', TYPE_STR, (args) => bytesFetch(TYPE_STR, latin1(textOf(args)))),
  row('bool', 'str', TYPE_BOOL, (args) => boolFetch(BOOLEANS[textOf(args).toLowerCase()]!), checkBool),
  row('int', 'sint', TYPE_SINT, intFetch),
  row('ipv4', 'ipv4', TYPE_IPV4, ipv4Fetch),
  row('ipv6', 'ipv6', TYPE_IPV6, ipv6Fetch),
  row('bin', 'str', TYPE_BIN, (args) => bytesFetch(TYPE_BIN, Buffer.from(textOf(args), 'hex')), checkHex),
  row('meth', 'str', TYPE_METH, methodFetch, checkMethod),
];
