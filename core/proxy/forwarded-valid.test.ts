// Goal: a Forwarded header is continued exactly when HAProxy would. Method: values of both kinds, and random ones.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forwardedIsValid } from './forwarded-valid.ts';

function isValid(value: string): boolean {
  const bytes = new Uint8Array(value.length + 2).fill(0x22);
  bytes.set(Buffer.from(value, 'latin1'), 1);
  return forwardedIsValid(bytes, 1, value.length);
}

const UNDERSTOOD = [
  'for=8.8.8.8',
  'for=unknown',
  'for=_hidden',
  'for="_hidden:_port"',
  'for="1.2.3.4:80"',
  'for="[::1]:80";by=2.3.4.5',
  'proto=http;host=a.example;by=1.2.3.4;for=4.3.2.1',
  'proto=https',
  'host="a.example:81"',
  'host="[::1]"',
  'for=1.1.1.1, for=2.2.2.2',
];

const STRANGE = [
  '',
  'for=',
  'for=1.2.3',
  'for=1.2.3.4:80',
  'for="1.2.3.4:0"',
  'for="1.2.3.4:65536"',
  'for="1.2.3.4:"',
  'for="1.2.3.4',
  'for=[::1]',
  'for="[::g]"',
  'for="[::1"',
  'For=1.2.3.4',
  'for=1.2.3.4;for=1.2.3.4',
  'for=1.2.3.4,',
  'for=1.2.3.4;',
  'for=1.2.3.4 ;by=1.2.3.4',
  'secret=x',
  'proto=ftp',
  'proto="http"',
  'host=a.example:81',
  'for=_',
  'for=8.8.8.8, secret=x',
];

for (const value of UNDERSTOOD) test(`continued: ${value}`, () => assert.equal(isValid(value), true));
for (const value of STRANGE) test(`not continued: ${value}`, () => assert.equal(isValid(value), false));

// Method: the bytes beyond the value are quotes, which end a parameter; a reader that strays would find them.
test('no value cut short is read beyond its end', () => {
  for (const value of UNDERSTOOD) {
    for (let length = 0; length < value.length; length++) {
      const cut = value.slice(0, length);
      const bytes = Buffer.from(cut, 'latin1');
      assert.equal(isValid(cut), forwardedIsValid(bytes, 0, bytes.length), cut);
    }
  }
});
