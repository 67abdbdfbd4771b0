// Hash converters (manual §7.3.1): fast ones that give integers, and the digests of node:crypto, which give bytes.

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { xxh32 } from '../base/xxh32.ts';
import {
  bytesOfText,
  compileVariableAs,
  exactOf,
  intOf,
  isVariable,
  type ReadArgument,
  setWords,
  textOf,
} from './convert-arguments.ts';
import { decodeBase64 } from './convert-base64.ts';
import { avalanche, crc32, crc32c, djb2, sdbm, wt6 } from './convert-hash-small.ts';
import { resultHigh, resultLow, xxh3, xxh64 } from './convert-hash-xx.ts';
import { checkVariable } from './convert-string.ts';
import { type ConverterRow, type Linker, NO_ARGS } from './rows.ts';
import type { Subject } from './subject.ts';
import { Sample, TYPE_BIN, TYPE_BOOL, TYPE_SINT, TYPE_STR } from './types.ts';

type Hash32 = (bytes: Uint8Array, offset: number, length: number) => number;
type Hash64 = (bytes: Uint8Array, offset: number, length: number, seedHigh: number, seedLow: number) => void;

/** Argument 1: not 0 spreads the hash over all bits. */
function smallRow(name: string, hash: Hash32): ConverterRow {
  return {
    name,
    args: { kinds: ['sint'], min: 0 },
    in: TYPE_BIN,
    out: TYPE_SINT,
    compile(args) {
      const isSpread = intOf(args, 0, 0) !== 0;
      return (sample) => {
        const value = hash(sample.bytes, sample.offset, sample.length);
        sample.setInt(isSpread ? avalanche(value) : value);
        return true;
      };
    },
  };
}

/** Argument 1: the seed, 64 bits; the hash is taken for a signed integer. */
function wideRow(name: string, hash: Hash64): ConverterRow {
  return {
    name,
    args: { kinds: ['sint'], min: 0 },
    in: TYPE_BIN,
    out: TYPE_SINT,
    compile(args) {
      const seed = exactOf(args, 0);
      const seedHigh = Number(BigInt.asIntN(32, seed >> 32n));
      const seedLow = Number(BigInt.asIntN(32, seed));
      return (sample) => {
        hash(sample.bytes, sample.offset, sample.length, seedHigh, seedLow);
        setWords(sample, resultHigh(), resultLow());
        return true;
      };
    },
  };
}

const xxh32Row: ConverterRow = {
  name: 'xxh32',
  args: { kinds: ['sint'], min: 0 },
  in: TYPE_BIN,
  out: TYPE_SINT,
  compile(args) {
    const seed = Number(BigInt.asUintN(32, exactOf(args, 0)));
    return (sample) => {
      sample.setInt(xxh32(sample.bytes, sample.offset, sample.length, seed));
      return true;
    };
  },
};

// --- digests

/** The bytes of a sample as a view, for node:crypto; allocates. */
export function viewOf(sample: Sample): Uint8Array {
  return sample.bytes.subarray(sample.offset, sample.offset + sample.length);
}

/** Puts bytes that another library made into the trash and into `sample`. */
export function setResult(sample: Sample, subject: Subject, result: Uint8Array): boolean {
  const { trash } = subject;
  if (result.length > trash.chunkBytes) return false;
  const at = trash.take();
  trash.bytes.set(result, at);
  sample.setBytes(TYPE_BIN, trash.bytes, at, result.length);
  return true;
}

function digest(algorithm: string, sample: Sample, subject: Subject): boolean {
  return setResult(sample, subject, createHash(algorithm).update(viewOf(sample)).digest());
}

const sha1Row: ConverterRow = {
  name: 'sha1',
  args: NO_ARGS,
  in: TYPE_BIN,
  out: TYPE_BIN,
  compile: () => (sample, subject) => digest('sha1', sample, subject),
};

const SHA2_BITS = [224, 256, 384, 512];

const sha2Row: ConverterRow = {
  name: 'sha2',
  args: { kinds: ['sint'], min: 0 },
  in: TYPE_BIN,
  out: TYPE_BIN,
  check(args) {
    const arg = args[0];
    if (arg === undefined || arg.kind !== 'sint' || SHA2_BITS.includes(arg.value)) return null;
    return `Unsupported number of bits: '${arg.exact}'`;
  },
  compile(args) {
    const algorithm = `sha${intOf(args, 0, 256)}`;
    return (sample, subject) => digest(algorithm, sample, subject);
  },
};

function isDigest(name: string): boolean {
  try {
    createHash(name);
    return true;
  } catch {
    return false;
  }
}

function checkDigest(name: string): string | null {
  return isDigest(name) ? null : 'algorithm must be a valid OpenSSL message digest name.';
}

const digestRow: ConverterRow = {
  name: 'digest',
  args: { kinds: ['str'], min: 1 },
  in: TYPE_BIN,
  out: TYPE_BIN,
  check: (args) => checkDigest(textOf(args, 0)),
  compile(args) {
    const algorithm = textOf(args, 0);
    return (sample, subject) => digest(algorithm, sample, subject);
  },
};

/** The error's words for an argument that is a variable or base64, or is empty; null: it is good. */
export function checkBase64(text: string): string | null {
  if (text === '' || isVariable(text)) return null;
  const bytes = bytesOfText(text);
  if (decodeBase64(new Uint8Array(bytes.length), 0, bytes, 0, bytes.length) >= 0) return null;
  return 'argument needs to be base64 encoded, and can either be a string or a variable';
}

/** Such an argument, decoded: the text's bytes, or at run time the variable's. */
export function compileBase64(text: string, linker: Linker): ReadArgument {
  const read = compileVariableAs(text, TYPE_STR, linker);
  if (read === null) {
    const encoded = bytesOfText(text);
    const bytes = new Uint8Array(encoded.length);
    const length = Math.max(decodeBase64(bytes, 0, encoded, 0, encoded.length), 0);
    return (_subject, sample) => {
      sample.setBytes(TYPE_BIN, bytes, 0, length);
      return true;
    };
  }
  return (subject, sample) => {
    const { trash } = subject;
    if (!read(subject, sample) || sample.length > trash.chunkBytes) return false;
    const at = trash.take();
    const length = decodeBase64(trash.bytes, at, sample.bytes, sample.offset, sample.length);
    if (length < 0) return false;
    sample.setBytes(TYPE_BIN, trash.bytes, at, length);
    return true;
  };
}

const hmacRow: ConverterRow = {
  name: 'hmac',
  args: { kinds: ['str', 'str'], min: 2 },
  in: TYPE_BIN,
  out: TYPE_BIN,
  check(args) {
    const words = checkDigest(textOf(args, 0));
    if (words !== null) return words;
    const keyWords = checkBase64(textOf(args, 1));
    return keyWords === null ? null : `failed to parse key : ${keyWords}`;
  },
  compile(args, linker) {
    const algorithm = textOf(args, 0);
    const readKey = compileBase64(textOf(args, 1), linker);
    const key = new Sample();
    return (sample, subject) => {
      if (!readKey(subject, key)) return false;
      return setResult(sample, subject, createHmac(algorithm, viewOf(key)).update(viewOf(sample)).digest());
    };
  },
};

const secureMemcmpRow: ConverterRow = {
  name: 'secure_memcmp',
  args: { kinds: ['str'], min: 1 },
  in: TYPE_BIN,
  out: TYPE_BOOL,
  check: (args) => checkVariable(textOf(args, 0)),
  compile(args, linker) {
    const read = compileVariableAs(textOf(args, 0), TYPE_BIN, linker);
    const other = new Sample();
    return (sample, subject) => {
      if (read === null || !read(subject, other)) return false;
      sample.setBool(sample.length === other.length && timingSafeEqual(viewOf(sample), viewOf(other)));
      return true;
    };
  },
};

export const hashConverters: readonly ConverterRow[] = [
  smallRow('crc32', crc32),
  smallRow('crc32c', crc32c),
  smallRow('djb2', djb2),
  smallRow('sdbm', sdbm),
  smallRow('wt6', wt6),
  xxh32Row,
  wideRow('xxh64', xxh64),
  wideRow('xxh3', xxh3),
  sha1Row,
  sha2Row,
  digestRow,
  hmacRow,
  secureMemcmpRow,
];
