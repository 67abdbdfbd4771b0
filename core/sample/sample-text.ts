// A sample as text for people: `weir explain`, `get var`. Allocates; never on a request's way.

import { writeInet6 } from '../base/text.ts';
import { METHOD_OTHER } from '../http/message.ts';
import { methodName } from './casts.ts';
import { type Sample, TYPE_BIN, TYPE_BOOL, TYPE_IPV4, TYPE_IPV6, TYPE_METH, TYPE_SINT, TYPE_STR } from './types.ts';

const latin1 = (sample: Sample): string =>
  Buffer.from(sample.bytes.subarray(sample.offset, sample.offset + sample.length)).toString('latin1');

/** `true`, `42`, `192.0.2.1`, `GET`, `"text"` with what cannot be shown escaped, `0x…` for binary. */
export function valueText(sample: Sample): string {
  switch (sample.type) {
    case TYPE_BOOL:
      return sample.number === 0 ? 'false' : 'true';
    case TYPE_SINT:
      return sample.wide === null ? String(sample.number) : sample.wide.toString();
    case TYPE_IPV4: {
      const word = sample.number;
      return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
    }
    case TYPE_IPV6: {
      const text = new Uint8Array(48);
      const address = sample.bytes.slice(sample.offset, sample.offset + 16);
      return Buffer.from(text.subarray(0, writeInet6(text, 0, address))).toString('latin1');
    }
    case TYPE_METH:
      return sample.number === METHOD_OTHER ? latin1(sample) : methodName(sample.number);
    case TYPE_BIN:
      return `0x${Buffer.from(latin1(sample), 'latin1').toString('hex')}`;
    default:
      return `"${escapeText(latin1(sample))}"`;
  }
}

/** The value as HAProxy's commands show it, without quotes or escapes; null when it has no text form. */
export function plainText(sample: Sample): string | null {
  if (sample.type === TYPE_BOOL) return String(sample.number);
  if (sample.type === TYPE_BIN) return Buffer.from(latin1(sample), 'latin1').toString('hex').toUpperCase();
  return sample.type === TYPE_STR ? latin1(sample) : valueText(sample);
}

function escapeText(text: string): string {
  return text.replace(/["\\]|[^ -~]/g, (char) =>
    char === '"' || char === '\\' ? `\\${char}` : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
