// AES converters (manual §7.3.1: aes_gcm_*, aes_cbc_*), on node:crypto. Nonces, keys and tags are base64, or variables that
// hold base64.

import { type CipherGCM, type CipherGCMTypes, createCipheriv, createDecipheriv, type DecipherGCM } from 'node:crypto';
import { bytesOfText, hasArg, intOf, type ReadArgument, textOf } from './convert-arguments.ts';
import { encodeBase64 } from './convert-base64.ts';
import { checkBase64, compileBase64, setResult, viewOf } from './convert-hash.ts';
import type { Convert, ConverterRow, Linker } from './rows.ts';
import type { Subject } from './subject.ts';
import { Sample, TYPE_BIN, TYPE_STR } from './types.ts';
import { parseVariableName, SET_IF_EXISTS } from './variable-names.ts';
import { setVariable } from './variables.ts';

const BLOCK_BYTES = 16;
const TAG_BYTES = 16;

interface Mode {
  name: string;
  isGcm: boolean;
  decrypts: boolean;
}

type Args = Parameters<ConverterRow['compile']>[0];

// Argument 3 is GCM's tag; additional data come behind it.
const TAG_ARG = 3;
const dataArg = (mode: Mode): number => (mode.isGcm ? 4 : 3);

function check(mode: Mode, args: Args): string | null {
  if (![128, 192, 256].includes(intOf(args, 0, 0))) return 'key size must be 128, 192 or 256 (bits).';
  const failed = (what: string, words: string | null): string | null =>
    words === null ? null : `failed to parse ${what} : ${words}`;
  return (
    failed('nonce', checkBase64(textOf(args, 1))) ??
    failed('key', checkBase64(textOf(args, 2))) ??
    failed('aead_tag', mode.isGcm ? checkTag(mode, textOf(args, TAG_ARG)) : null) ??
    failed('aad', hasArg(args, dataArg(mode)) ? checkBase64(textOf(args, dataArg(mode))) : null)
  );
}

/** The tag is read when decrypting; when encrypting it is put into a variable. */
function checkTag(mode: Mode, text: string): string | null {
  if (mode.decrypts) return checkBase64(text);
  const variable = parseVariableName(text);
  return typeof variable === 'string' ? variable : null;
}

type KeepTag = (subject: Subject, tag: Uint8Array) => boolean;

function compileKeepTag(text: string, linker: Linker): KeepTag {
  const variable = parseVariableName(text);
  if (typeof variable === 'string') return () => false;
  const { scope } = variable;
  const number = linker.variable(scope, variable.name);
  const sample = new Sample();
  return (subject, tag) => {
    const { trash } = subject;
    const at = trash.take();
    const end = encodeBase64(trash.bytes, at, tag, 0, tag.length, false);
    sample.setBytes(TYPE_STR, trash.bytes, at, end - at);
    return setVariable(subject, scope, number, sample, scope === 'proc' ? SET_IF_EXISTS : 0);
  };
}

/** CBC's vector has a fixed size: shorter ones are filled with zeros. */
function vector(nonce: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES);
  bytes.set(nonce.subarray(0, BLOCK_BYTES));
  return bytes;
}

function compileAes(mode: Mode, args: Args, linker: Linker): Convert {
  const bits = intOf(args, 0, 128);
  const cipherName = `aes-${bits}-${mode.isGcm ? 'gcm' : 'cbc'}`;
  const none: ReadArgument = (_subject, sample) => {
    sample.setBytes(TYPE_BIN, NO_DATA, 0, 0);
    return true;
  };
  const readNonce = compileBase64(textOf(args, 1), linker);
  const readKey = compileBase64(textOf(args, 2), linker);
  const readTag = mode.isGcm && mode.decrypts ? compileBase64(textOf(args, TAG_ARG), linker) : none;
  const readData = mode.isGcm && hasArg(args, 4) ? compileBase64(textOf(args, 4), linker) : none;
  const keepTag = mode.isGcm && !mode.decrypts ? compileKeepTag(textOf(args, TAG_ARG), linker) : null;
  const [nonce, key, tag, data] = [new Sample(), new Sample(), new Sample(), new Sample()] as const;
  return (sample, subject) => {
    if (!readNonce(subject, nonce) || !readKey(subject, key)) return false;
    if (!readTag(subject, tag) || !readData(subject, data)) return false;
    if (key.length < bits / 8) return false;
    const keyBytes = viewOf(key).subarray(0, bits / 8);
    try {
      const nonceBytes = mode.isGcm ? viewOf(nonce) : vector(viewOf(nonce));
      const options = { authTagLength: mode.decrypts && mode.isGcm ? tag.length : TAG_BYTES };
      const name = cipherName as CipherGCMTypes; // of CBC's ciphers the options and both calls below are left out
      const cipher = mode.decrypts
        ? createDecipheriv(name, keyBytes, nonceBytes, mode.isGcm ? options : undefined)
        : createCipheriv(name, keyBytes, nonceBytes, mode.isGcm ? options : undefined);
      if (mode.isGcm && data.length > 0) cipher.setAAD(viewOf(data));
      if (mode.isGcm && mode.decrypts) (cipher as DecipherGCM).setAuthTag(viewOf(tag));
      const result = Buffer.concat([cipher.update(viewOf(sample)), cipher.final()]);
      if (keepTag !== null && !keepTag(subject, (cipher as CipherGCM).getAuthTag())) return false;
      return setResult(sample, subject, result);
    } catch {
      return false; // a wrong tag, padding or length: the text was not made with this key
    }
  };
}

const NO_DATA = bytesOfText('');

function row(mode: Mode): ConverterRow {
  return {
    name: mode.name,
    args: mode.isGcm
      ? { kinds: ['sint', 'str', 'str', 'str', 'str'], min: 4 }
      : { kinds: ['sint', 'str', 'str', 'str'], min: 3 },
    in: TYPE_BIN,
    out: TYPE_BIN,
    check: (args) => check(mode, args),
    compile: (args, linker) => compileAes(mode, args, linker),
  };
}

export const aesConverters: readonly ConverterRow[] = [
  row({ name: 'aes_gcm_enc', isGcm: true, decrypts: false }),
  row({ name: 'aes_gcm_dec', isGcm: true, decrypts: true }),
  row({ name: 'aes_cbc_enc', isGcm: false, decrypts: false }),
  row({ name: 'aes_cbc_dec', isGcm: false, decrypts: true }),
];
