// Maps (manual §7.3.1, "map"): a value is looked up among the keys of a file, and becomes the value beside the key.
//
// The name says how keys are matched and what comes out: map_beg_ip looks for the longest key that the text begins with and
// gives an address. `map` alone is map_str.

import type { Arg, MatchMethod } from '../model/language.ts';
import { NOT_INET4, parseInet4, parseInet6, readInt64 } from './numbers.ts';
import type { Matcher } from './patterns/contract.ts';
import { matchCaptures } from './patterns/indexes.ts';
import { writeReplacement } from './patterns/regex.ts';
import { latin1Bytes } from './patterns/texts.ts';
import type { CheckArgs, Convert, ConverterRow, Linker } from './rows.ts';
import type { Subject } from './subject.ts';
import { type Sample, type SampleType, TYPE_ADDR, TYPE_IPV6, TYPE_SINT, TYPE_STR } from './types.ts';

type MapOutput = 'str' | 'int' | 'ip' | 'key';

const OUTPUT_TYPES: Readonly<Record<MapOutput, SampleType>> = {
  ...{ str: TYPE_STR, int: TYPE_SINT, ip: TYPE_ADDR, key: TYPE_STR },
};

function inputType(method: MatchMethod): SampleType {
  if (method === 'int') return TYPE_SINT;
  return method === 'ip' ? TYPE_ADDR : TYPE_STR;
}

function compileMap(args: readonly Arg[], linker: Linker, method: MatchMethod, output: MapOutput): Convert {
  const [file, otherwise] = args;
  const matcher = linker.map(file?.kind === 'patterns' ? file.index : -1, method, false);
  const read = output === 'key' ? keyReader(matcher) : valueReader(matcher, method, output);
  const defaultOf = defaultReader(otherwise, output);
  return (sample, subject) => {
    const entry = matcher.match(sample, subject);
    if (entry >= 0) return read(entry, sample, subject);
    return defaultOf?.(sample) ?? false;
  };
}

type Read = (entry: number, sample: Sample, subject: Subject) => boolean;

function keyReader(matcher: Matcher): Read {
  return (entry, sample) => {
    matcher.key(entry, sample);
    return true;
  };
}

function valueReader(matcher: Matcher, method: MatchMethod, output: MapOutput): Read {
  if (method === 'regm') return (entry, sample, subject) => replaceMatch(matcher, entry, sample, subject);
  if (output === 'int') {
    return (entry, sample) => {
      matcher.value(entry, sample);
      readInt64(sample.bytes, sample.offset, sample.offset + sample.length, sample);
      return true;
    };
  }
  if (output === 'ip') {
    return (entry, sample, subject) => {
      matcher.value(entry, sample);
      return readAddress(sample, subject);
    };
  }
  return (entry, sample) => {
    matcher.value(entry, sample);
    return true;
  };
}

/** The value is a template for what the key's groups found in the text. */
function replaceMatch(matcher: Matcher, entry: number, sample: Sample, subject: Subject): boolean {
  const { bytes, offset } = sample;
  const { trash } = subject;
  const at = trash.take();
  matcher.value(entry, sample);
  const limit = at + trash.chunkBytes;
  const end = writeReplacement(
    ...([trash.bytes, at, limit, bytes, offset, matchCaptures, sample.bytes, sample.offset, sample.length] as const),
  );
  if (end < 0) return false;
  sample.setBytes(TYPE_STR, trash.bytes, at, end - at);
  return true;
}

function readAddress(sample: Sample, subject: Subject): boolean {
  const { bytes, offset, length } = sample;
  const word = parseInet4(bytes, offset, length);
  if (word !== NOT_INET4) {
    sample.setIpv4(word);
    return true;
  }
  const { trash } = subject;
  const at = trash.take();
  if (!parseInet6(bytes, offset, length, trash.bytes, at)) return false;
  sample.setBytes(TYPE_IPV6, trash.bytes, at, 16);
  return true;
}

type Default = (sample: Sample) => boolean;

function defaultReader(arg: Arg | undefined, output: MapOutput): Default | null {
  if (arg === undefined) return null;
  if (arg.kind === 'sint') {
    const wide = BigInt(arg.exact);
    const { value } = arg;
    return (sample) => {
      if (Number.isSafeInteger(value)) sample.setInt(value);
      else sample.setWide(wide);
      return true;
    };
  }
  if (arg.kind !== 'str') return null;
  const bytes = latin1Bytes(arg.text);
  if (output === 'ip') return defaultAddress(bytes);
  return (sample) => {
    sample.setBytes(TYPE_STR, bytes, 0, bytes.length);
    return true;
  };
}

function defaultAddress(bytes: Uint8Array): Default {
  const word = parseInet4(bytes, 0, bytes.length);
  const address = new Uint8Array(16);
  if (word === NOT_INET4) parseInet6(bytes, 0, bytes.length, address, 0);
  return (sample) => {
    if (word !== NOT_INET4) sample.setIpv4(word);
    else sample.setBytes(TYPE_IPV6, address, 0, 16);
    return true;
  };
}

const checkDefaultAddress: CheckArgs = (args) => {
  const arg = args[1];
  if (arg?.kind !== 'str') return null;
  const bytes = latin1Bytes(arg.text);
  const isAddress =
    parseInet4(bytes, 0, bytes.length) !== NOT_INET4 || parseInet6(bytes, 0, bytes.length, new Uint8Array(16), 0);
  return isAddress ? null : `map: cannot parse default ip <${arg.text}>.`;
};

function row(name: string, method: MatchMethod, output: MapOutput): ConverterRow {
  const kinds = output === 'key' ? (['patterns'] as const) : (['patterns', output === 'int' ? 'sint' : 'str'] as const);
  const base = { name, args: { kinds, min: 1 }, in: inputType(method), out: OUTPUT_TYPES[output] };
  const compile = (args: readonly Arg[], linker: Linker): Convert => compileMap(args, linker, method, output);
  return output === 'ip' ? { ...base, check: checkDefaultAddress, compile } : { ...base, compile };
}

const METHODS: readonly MatchMethod[] = ['str', 'beg', 'sub', 'dir', 'dom', 'end', 'reg', 'int', 'ip'];

export const mapConverters: readonly ConverterRow[] = [
  row('map', 'str', 'str'),
  row('map_regm', 'regm', 'str'),
  ...METHODS.map((method) => row(`map_${method}`, method, 'str')),
  ...METHODS.map((method) => row(`map_${method}_int`, method, 'int')),
  ...METHODS.map((method) => row(`map_${method}_ip`, method, 'ip')),
  ...METHODS.map((method) => row(`map_${method}_key`, method, 'key')),
];
