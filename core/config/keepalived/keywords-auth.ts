// vrrp_instance: `authentication` (RFC 2338 §5.3.6, VRRPv2) and `auth_hmac` (keepalived 2.4.2).

import { readFileSync, statSync } from 'node:fs';
import { type KeywordTable, type Parse, type Row, unsigned } from './keyword-table.ts';
import type { Words } from './words.ts';

const PASSWORD_BYTES_MAX = 8;
const KEY_BYTES_MIN = 32;
const KEY_BYTES_MAX = 64;
const KEY_FILE_BYTES_MAX = 4 + 2 * KEY_BYTES_MAX + 7; // "hex:", digits, some slack
const WINDOW_SECONDS_MAX = 300;

const authRows: KeywordTable = {
  auth_type: {
    set(words, parse) {
      const { instance } = parse;
      if (words.at(1) === 'AH') instance.authType = 'ah';
      else if (words.at(1) === 'PASS') instance.authType = 'pass';
      else parse.warning(`(${instance.name}) unknown authentication type '${words.at(1)}'`);
    },
  },
  auth_pass: {
    set(words, parse) {
      const bytes = Buffer.from(words.at(1));
      if (bytes.length > PASSWORD_BYTES_MAX) parse.warning('Truncating auth_pass to 8 characters');
      const kept = bytes.subarray(0, PASSWORD_BYTES_MAX);
      // A character may be cut in the middle: bytes count, so they are kept one by one.
      parse.instance.password = kept.equals(bytes) ? words.at(1) : kept.toString('latin1');
    },
  },
};

/** `authentication { … }`. */
export const authentication: Row = { set: () => {}, body: authRows };

const hmacRows: KeywordTable = {
  key: { set: takeKey },
  active_key: unsigned(
    1,
    255,
    ({ instance }, id) => (instance.hmac!.sendId = id),
    (word, { instance }) => `(${instance.name}) auth_hmac active_key '${word}' must be between 1 and 255`,
  ),
  time_window: unsigned(
    1,
    WINDOW_SECONDS_MAX,
    ({ instance }, seconds) => (instance.hmac!.windowSeconds = seconds),
    (word, { instance }) =>
      `(${instance.name}) auth_hmac time_window '${word}' must be between 1 and ${WINDOW_SECONDS_MAX} seconds`,
  ),
  anti_replay: {
    set(words, parse) {
      const { instance } = parse;
      const mode = words.at(1);
      if (mode === 'time' || mode === 'monotonic') instance.hmac!.byTime = mode === 'time';
      else parse.warning(`(${instance.name}) auth_hmac anti_replay '${mode}' must be time or monotonic`);
    },
  },
  mode: {
    set(words, parse) {
      const { instance } = parse;
      const mode = words.at(1);
      if (mode === 'enforce' || mode === 'permissive' || mode === 'receive-only') instance.hmac!.mode = mode;
      else parse.warning(`(${instance.name}) auth_hmac mode '${mode}' must be enforce, permissive or receive-only`);
    },
  },
};

/** `auth_hmac { … }`. */
export const authHmac: Row = {
  set(_words, { instance }) {
    instance.hmac ??= { keys: [], sendId: 0, mode: 'enforce', windowSeconds: 0, byTime: true };
  },
  body: hmacRows,
};

/** `key ID VALUE`: text, hex:… or file:… */
function takeKey(words: Words, parse: Parse): void {
  const { instance } = parse;
  const about = `(${instance.name})`;
  if (words.count < 3) {
    parse.warning(`${about} auth_hmac key needs an id and a value`);
    return;
  }
  const id = parse.numbers.unsigned(words.at(1), 1, 255);
  if (id === null) {
    parse.warning(`${about} auth_hmac key id '${words.at(1)}' must be between 1 and 255`);
    return;
  }
  const text = words.at(2);
  const secret = text.startsWith('file:') ? readKey(text.slice(5), parse) : decodeKey(text);
  const length = secret?.length ?? 0;
  if (secret === null || length < KEY_BYTES_MIN || length > KEY_BYTES_MAX) {
    const range = `[${KEY_BYTES_MIN}, ${KEY_BYTES_MAX}]`;
    parse.warning(`${about} auth_hmac key ${id} length ${length} not in range ${range}`);
  } else if (instance.hmac!.keys.some((key) => key.id === id)) {
    parse.warning(`${about} duplicate auth_hmac key id ${id}`);
  } else instance.hmac!.keys.push({ id, secret });
}

function decodeKey(text: string): Uint8Array | null {
  if (!text.startsWith('hex:')) return new Uint8Array(Buffer.from(text));
  const digits = text.slice(4).replace(/[ \t]/g, '');
  return /^(?:[0-9a-fA-F]{2})+$/.test(digits) ? new Uint8Array(Buffer.from(digits, 'hex')) : null;
}

function readKey(path: string, parse: Parse): Uint8Array | null {
  const about = `(${parse.instance.name}) auth_hmac key file '${path}'`;
  try {
    const status = statSync(path);
    if ((status.mode & 0o077) !== 0) parse.diagnostics.security(`${about} is readable by group or others`);
    if (status.size > KEY_FILE_BYTES_MAX) {
      parse.warning(`${about} is too large`);
      return null;
    }
    return decodeKey(readFileSync(path, 'utf8').replace(/[\r\n]+$/, ''));
  } catch {
    parse.warning(`${about} cannot be opened`);
    return null;
  }
}
