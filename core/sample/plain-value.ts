// A sample as plain data, for other threads: proc variables travel so.

import type { PlainValue } from '../model/language.ts';
import { NO_BYTES, type Sample, TYPE_BIN, TYPE_IPV6, TYPE_METH, TYPE_STR } from './types.ts';

const hasBytes = (type: number): boolean =>
  type === TYPE_STR || type === TYPE_BIN || type === TYPE_IPV6 || type === TYPE_METH;

/** A copy of the value, its bytes too. */
export function toPlain(sample: Sample): PlainValue {
  const length = sample.type === TYPE_IPV6 ? 16 : sample.length;
  return {
    type: sample.type,
    number: sample.number,
    wide: sample.wide === null ? null : sample.wide.toString(),
    bytes: hasBytes(sample.type) ? sample.bytes.slice(sample.offset, sample.offset + length) : NO_BYTES,
  };
}

/** Puts the value into `sample`, as a view of its bytes. */
export function fromPlain(value: PlainValue, sample: Sample): void {
  sample.begin();
  sample.type = value.type;
  sample.number = value.number;
  sample.wide = value.wide === null ? null : BigInt(value.wide);
  sample.bytes = value.bytes;
  sample.offset = 0;
  sample.length = value.bytes.length;
}
