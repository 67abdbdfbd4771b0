// Goal: hostile targets, cookies, lists and bodies are only ever read, within their bounds, to an end, and by rules that a
// simple reading confirms. Method: texts from a seed; values checked against a few lines that do the same on strings.

import assert from 'node:assert/strict';
import type { Prng } from '../base/prng.ts';
import { fuzz } from '../testing/fuzz.ts';
import { all, httpRows, one, requestSubject, responseSubject, tcpSubject } from './fixture-http.ts';
import { ParamScan } from './http-params.ts';
import { ADDRESS_IPV6, readAddress, readInt } from './http-values.ts';

const MARKS = [...'ab12=;,&?/"\\ $.:-[]%\xff\t', 'a=', '; a=', ', ', '&a=', '127.0.0.1', '::', 'http://'];

function randomText(prng: Prng, lengthMax: number): string {
  let text = '';
  for (let length = prng.below(lengthMax); length > 0; length--) text += prng.pick(MARKS);
  return text;
}

const uriOf = (text: string): string => `/${text.replace(/[^\x21-\x7e]/g, '')}`;

function requestOf(prng: Prng): string {
  const lines = Array.from({ length: prng.below(5) }, () => {
    return `${prng.pick(['X-List', 'Cookie', 'Authorization'])}: ${randomText(prng, 20)}\r\n`;
  });
  const body = randomText(prng, 20);
  const framed =
    prng.below(2) === 0
      ? `Content-Length: ${body.length}\r\n\r\n${body}`
      : `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`.slice(
          0,
          60 + body.length,
        );
  return `POST ${uriOf(randomText(prng, 20))} HTTP/1.1\r\nHost: h\r\n${lines.join('')}${framed}`;
}

const names = httpRows.filter((row) => row.args.kinds[0] !== 'userlist').map((row) => row.name);

fuzz(
  'every fetch ends, and changes nothing of the message',
  (prng) => {
    const text = requestOf(prng);
    const subject = prng.below(5) === 0 ? tcpSubject(text, false) : requestSubject(text, prng.below(2) === 0);
    const before = subject.bytes.slice();
    for (const name of names) {
      const args = name.startsWith('capture.') ? [prng.below(3)] : prng.below(2) === 0 ? ['a'] : [];
      one(subject, name, ...args);
      all(subject, name, ...args);
    }
    assert.deepEqual(subject.bytes, before);
  },
  10,
);

fuzz('values of a header are the text between its commas', (prng) => {
  // Without quotes a list is split as strings are.
  const texts = Array.from({ length: 1 + prng.below(3) }, () => randomText(prng, 10).replace(/["\\]/g, ''));
  const subject = requestSubject(`GET / HTTP/1.1\r\nHost: h\r\n${texts.map((each) => `X:${each}\r\n`).join('')}\r\n`);
  const expected = texts.flatMap((text) => text.split(',').map((part) => part.replace(/^[ \t]+|[ \t]+$/g, '')));
  assert.deepEqual(all(subject, 'req.hdr', 'x'), expected);
  assert.equal(one(subject, 'req.hdr', 'x'), expected.at(-1));
  assert.equal(one(subject, 'req.hdr_cnt', 'x'), String(expected.length));
  const occurrence = 1 + prng.below(10);
  assert.equal(one(subject, 'req.hdr', 'x', occurrence), expected[occurrence - 1] ?? null);
  assert.equal(one(subject, 'req.hdr', 'x', -occurrence), expected.at(-occurrence) ?? null);
});

fuzz('cookies written by the rules are read back', (prng) => {
  const pairs = Array.from({ length: 1 + prng.below(6) }, () => {
    return [prng.pick(['a', 'b', 'cc']), randomText(prng, 6).replace(/[",;\\ \t]/g, '')] as const;
  });
  pairs.push(['z', '1']); // an empty value that ends the line is no cookie, to HAProxy neither
  const line = pairs
    .map(([name, value]) => `${name}${prng.pick(['', ' '])}=${prng.pick(['', ' '])}${value}`)
    .join('; ');
  const subject = requestSubject(`GET / HTTP/1.1\r\nHost: h\r\nCookie: ${line}\r\n\r\n`);
  const expected = pairs.filter(([name]) => name === 'cc').map(([, value]) => value);
  assert.deepEqual(all(subject, 'req.cook', 'cc'), expected);
  assert.equal(one(subject, 'req.cook', 'cc'), expected.at(-1) ?? null);
  assert.equal(one(subject, 'req.cook_names'), pairs.map(([name]) => name).join(','));
  assert.deepEqual(
    all(subject, 'req.cook'),
    pairs.map(([, value]) => value),
  );
});

fuzz('parameters are what splitting at delimiters gives', (prng) => {
  const text = randomText(prng, 24);
  const bytes = Buffer.from(text, 'latin1');
  const scan = new ParamScan(Buffer.from('a', 'latin1'), prng.below(2) === 0);
  const found: string[] = [];
  for (let at = 0; scan.next(bytes, at, bytes.length, 0x26); at = scan.valueEnd) {
    found.push(text.slice(scan.valueOffset, scan.valueEnd));
  }
  const expected = text.split(/[&;]/).filter((part) => part.startsWith('a='));
  assert.deepEqual(
    found,
    expected.map((part) => part.slice(2)),
  );
});

fuzz(
  'a chunked body is its payload however it is cut',
  (prng) => {
    const payload = randomText(prng, 40);
    let text = 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n';
    for (let at = 0; at < payload.length; ) {
      const size = 1 + prng.below(payload.length - at);
      text += `${size.toString(16)}\r\n${payload.slice(at, at + size)}\r\n`;
      at += size;
    }
    assert.equal(one(requestSubject(`${text}0\r\n\r\n`), 'req.body'), payload);
    const response = responseSubject(
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${text.split('\r\n\r\n')[1]}`,
    );
    assert.ok(payload.startsWith(one(response, 'res.body') ?? '?'));
  },
  4,
);

fuzz('numbers wrap and addresses are read whole or not at all', (prng) => {
  const digits = prng.below(0x1_0000_0000);
  const text = Buffer.from(String(digits), 'latin1');
  assert.equal(readInt(text, 0, text.length), digits | 0);
  const groups = Array.from({ length: 8 }, () => prng.below(0x1_0000).toString(16));
  const address = Buffer.from(prng.below(2) === 0 ? groups.join(':') : `[${groups.join(':')}]`, 'latin1');
  const out = new Uint8Array(16);
  assert.equal(readAddress(address, 0, address.length, { word: 0 }, out, 0), ADDRESS_IPV6);
  assert.equal(Buffer.from(out).toString('hex'), groups.map((group) => group.padStart(4, '0')).join(''));
  const junk = Buffer.from(randomText(prng, 12), 'latin1');
  readAddress(junk, 0, junk.length, { word: 0 }, out, 0);
});
