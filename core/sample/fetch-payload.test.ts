// Goal: pieces of raw bytes are found where the configuration says, wait while they may still come and give up when they
// never will. Method: stated values, every cut, and spoiled bytes from a seed whose surroundings must make no difference.

import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { Arg } from '../model/language.ts';
import { fuzz } from '../testing/fuzz.ts';
import { checkDistcc, distccFetches } from './fetch-distcc.ts';
import { checkPayloadLv, payloadFetches } from './fetch-payload.ts';
import { rdpFetches } from './fetch-rdp.ts';
import { Bench, sint, str } from './fixture-fetch.ts';
import { DIRECTION_RESPONSE } from './subject.ts';

const rows = [...payloadFetches, ...rdpFetches, ...distccFetches];
const bench = new Bench();
const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

function ask(text: string, name: string, ...args: Arg[]): unknown {
  bench.put(latin1(text));
  return bench.fetch(rows, name, ...args);
}

/** No value, and none will come. */
function never(text: string, name: string, ...args: Arg[]): void {
  equal(ask(text, name, ...args), null);
  equal(bench.sample.mayChange, false, `${name} of ${text}`);
}

/** No value yet. */
function waits(text: string, name: string, ...args: Arg[]): void {
  equal(ask(text, name, ...args), null);
  equal(bench.sample.mayChange, true, `${name} of ${text}`);
}

test('payload gives the bytes at a place, and waits for them', () => {
  equal(ask('abcdefgh', 'req.payload', sint(2), sint(3)), 'cde');
  equal(bench.sample.mayChange, false);
  equal(ask('abcde', 'payload', sint(2), sint(3)), 'cde');
  for (const cut of ['', 'a', 'abcd']) waits(cut, 'req.payload', sint(2), sint(3));
});

test('payload of length 0 is all that came, final only when nothing follows', () => {
  equal(ask('abcdefgh', 'req.payload', sint(3), sint(0)), 'defgh');
  equal(bench.sample.mayChange, true);
  bench.put(latin1('abcdefgh'), true);
  equal(bench.fetch(rows, 'req.payload', sint(3), sint(0)), 'defgh');
  equal(bench.sample.mayChange, false);
  equal(ask('abc', 'req.payload', sint(3), sint(0)), '');
  waits('ab', 'req.payload', sint(3), sint(0));
  waits('', 'req.payload', sint(0), sint(0));
});

test('payload that cannot fit the buffer never comes', () => {
  never('abc', 'req.payload', sint(16_000), sint(385));
  waits('abc', 'req.payload', sint(16_000), sint(384));
  never('abc', 'req.payload', sint(0), sint(99_999_999_999n));
  never('abc', 'req.payload', sint(-1), sint(2));
  equal(ask('abc', 'req.payload', sint(1), sint(4_294_967_297n)), 'b', 'lengths have 32 bits');
});

test('payload_lv reads how long its piece is', () => {
  equal(ask('\x00\x03abcdef', 'req.payload_lv', sint(0), sint(2)), 'abc');
  equal(ask('xx\x02abcdef', 'payload_lv', sint(2), sint(1)), 'ab');
  equal(ask('\x02abcdef', 'req.payload_lv', sint(0), sint(1), str('+2')), 'cd');
  equal(ask('ab\x02cdef', 'req.payload_lv', sint(2), sint(1), str('-3')), 'ab');
  equal(ask('\x02abcdef', 'req.payload_lv', sint(0), sint(1), str('')), 'ab');
  for (let cut = 0; cut < 5; cut++) waits('\x00\x03abcdef'.slice(0, cut), 'req.payload_lv', sint(0), sint(2));
});

test('an absolute place of payload_lv counts half, as in HAProxy 3.4', () => {
  equal(ask('\x02abcdef', 'req.payload_lv', sint(0), sint(1), str('4')), 'bc');
  equal(ask('\x02abcdef', 'req.payload_lv', sint(0), sint(1), str('5')), 'cd', 'an odd one counts as relative');
});

test('payload_lv of nothing, or of too much, never comes', () => {
  never('\x00\x00abc', 'req.payload_lv', sint(0), sint(2));
  never('\x40\x00abc', 'req.payload_lv', sint(0), sint(2));
  never('\xff\xff\xff\xff', 'req.payload_lv', sint(0), sint(4));
  waits('abc', 'req.payload_lv', sint(1), sint(-2));
  equal(ask('\x09\x00\x00\x00\x01ab', 'req.payload_lv', sint(0), sint(5)), 'a', 'the last four bytes count');
});

test('senseless places of payload_lv are refused in the words of HAProxy', () => {
  equal(checkPayloadLv([sint(-1), sint(2)]), 'payload offset1 must be positive');
  equal(checkPayloadLv([sint(1), sint(0)]), 'payload length must be > 0');
  equal(checkPayloadLv([sint(1), sint(2), str('x')]), 'payload offset2 is not a number');
  equal(checkPayloadLv([sint(1), sint(2), str('3x')]), 'payload offset2 is not a number');
  equal(checkPayloadLv([sint(1), sint(2), str('-5')]), 'payload offset2 too negative');
  for (const good of ['-3', '+', '', '7']) equal(checkPayloadLv([sint(1), sint(2), str(good)]), null, good);
});

test('req.len counts what waits, and may always change', () => {
  equal(ask('abc', 'req.len'), 3);
  equal(bench.sample.mayChange, true);
  equal(ask('', 'req_len'), 0);
  const { subject } = bench;
  subject.responseData.length = 9;
  subject.direction = DIRECTION_RESPONSE;
  equal(bench.fetch(rows, 'res.len'), 9);
  subject.direction = 0;
});

test('pieces of the response are looked for in the response', () => {
  const { subject } = bench;
  bench.put(latin1('\x02xyz'));
  Object.assign(subject.responseData, { bytes: subject.requestData.bytes, offset: 32, length: 4, complete: true });
  bench.put(latin1('\x01abc'));
  subject.direction = DIRECTION_RESPONSE;
  equal(bench.fetch(rows, 'res.payload', sint(1), sint(0)), 'xyz');
  equal(bench.fetch(rows, 'res.payload_lv', sint(0), sint(1)), 'xy');
  equal(bench.fetch(rows, 'payload', sint(1), sint(1)), 'x');
  subject.direction = 0;
  equal(bench.fetch(rows, 'payload', sint(1), sint(1)), 'a');
});

test('in mode http there is no payload, but there is a length', () => {
  const http = new Bench(true);
  http.put(latin1('Cookie: x=y\r\n aaaaaaaaaaaaaaaaaaaaa'));
  for (const { name } of rows) {
    if (name.endsWith('len')) continue;
    const args = name.includes('payload') ? [sint(0), sint(1)] : name.startsWith('distcc') ? [str('DIST')] : [];
    const found = http.fetch(rows, name, ...args);
    equal(found, name.endsWith('_cnt') ? 0 : null, name);
    equal(http.sample.mayChange, false, name);
  }
  equal(http.fetch(rows, 'req.len'), 35);
});

const RDP = '\x03\x00\x00\x2f\x2a\xe0\x00\x00\x00\x00\x00Cookie: mstshash=User1\r\n\x01\x00';

test('the cookie of a remote desktop request is found by its name, or whatever its name', () => {
  equal(ask(RDP, 'req.rdp_cookie'), 'User1');
  equal(ask(RDP, 'rdp_cookie', str('MSTShash')), 'User1');
  equal(ask(RDP, 'req.rdp_cookie_cnt', str('mstshash')), 1);
  equal(ask(RDP.replace('Cookie: ', 'cOOKIE:'), 'rdp_cookie'), 'User1');
  never(RDP, 'req.rdp_cookie', str('msts'));
  equal(ask(RDP, 'rdp_cookie_cnt', str('msts')), 0);
  never(RDP.replace('Cookie', 'Cooky_'), 'req.rdp_cookie');
  never(RDP.replace('=', '\r'), 'req.rdp_cookie');
  never(RDP.replace('\n', 'x'), 'req.rdp_cookie');
});

test('a remote desktop request that is cut short is waited for, at every byte', () => {
  const end = RDP.indexOf('\n') + 1;
  for (let cut = 0; cut < end; cut++) {
    waits(RDP.slice(0, cut), 'req.rdp_cookie');
    waits(RDP.slice(0, cut), 'req.rdp_cookie', str('mstshash'));
    waits(RDP.slice(0, cut), 'req.rdp_cookie_cnt');
  }
  equal(ask(RDP.slice(0, end), 'req.rdp_cookie'), 'User1');
});

const DISTCC = 'DIST00000001ARGC00000002ARGV00000002gcARGV00000003-c DOTI00000004abcd';

test('the tokens of distcc are counted, and their bodies skipped', () => {
  equal(ask(DISTCC, 'distcc_param', str('DIST')), 1);
  equal(ask(DISTCC, 'distcc_param', str('ARGV')), 2);
  equal(ask(DISTCC, 'distcc_param', str('ARGV'), sint(2)), 3);
  waits(DISTCC, 'distcc_param', str('ARGV'), sint(3));
  equal(ask(DISTCC, 'distcc_body', str('ARGV'), sint(2)), '-c ');
  equal(ask(DISTCC, 'distcc_body', str('DOTI')), 'abcd');
  equal(ask(DISTCC, 'distcc_body', str('ARGC')), '');
});

test('a distcc body is waited for when it fits, and cut when it does not', () => {
  for (let cut = 0; cut < DISTCC.length; cut++) {
    equal(ask(DISTCC.slice(0, cut), 'distcc_body', str('DOTI')), null, `cut at ${cut}`);
  }
  never('DIST0000000gARGC00000002', 'distcc_param', str('ARGC'));
  never('DOTI00000009abc', 'distcc_param', str('DONE'));
  const room = 16_384 - 1024;
  bench.put(latin1(`DOTI0000ffff${'x'.repeat(room)}`));
  equal((bench.fetch(rows, 'distcc_body', str('DOTI')) as string).length, room - 12);
  equal(bench.sample.mayChange, true);
  equal(checkDistcc([str('abc')]), 'token name must be exactly 4 characters');
  equal(checkDistcc([str('DIST'), sint(-1)]), null);
});

const ASKED: readonly (readonly [string, ...Arg[]])[] = [
  ['req.payload', sint(0), sint(0)],
  ['req.payload', sint(5), sint(9)],
  ['req.payload_lv', sint(0), sint(1)],
  ['req.payload_lv', sint(3), sint(2), str('-4')],
  ['req.payload_lv', sint(1), sint(4)],
  ['req.rdp_cookie'],
  ['req.rdp_cookie', str('mstshash')],
  ['distcc_param', str('ARGV'), sint(2)],
  ['distcc_body', str('DOTI')],
  ['distcc_body', str('ARGV')],
];

fuzz('no bytes make a payload fetch look beyond them', (prng) => {
  const bytes = latin1(prng.pick([RDP, DISTCC, '\x00\x03\x05abcdefghij']));
  for (let count = prng.below(5); count > 0; count--) bytes[prng.below(bytes.length)] = prng.next32();
  const cut = bytes.subarray(0, prng.below(bytes.length + 1));
  for (const [name, ...args] of ASKED) {
    bench.put(cut, prng.below(2) === 0);
    const first = bench.fetch(rows, name, ...args);
    const { offset, length, mayChange } = bench.sample;
    const { requestData } = bench.subject;
    const end = requestData.offset + requestData.length;
    if (typeof first === 'string') ok(offset >= requestData.offset && offset + length <= end, name);
    requestData.bytes.fill(prng.below(256), end);
    equal(bench.fetch(rows, name, ...args), first, name);
    equal(bench.sample.mayChange, mayChange, name);
  }
});
