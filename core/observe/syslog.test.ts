// Goal: every header form byte by byte. Method: the lines that HAProxy 3.4.0 sent for one request to nine targets.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LocalCalendar } from '../base/calendar.ts';
import type { LogTarget } from '../model/proxy.ts';
import { LEVEL_INFO, LEVEL_WARNING, type LogIdentity, Sampler, SyslogHeader } from './syslog.ts';

const zoneBefore = process.env['TZ'];
before(() => {
  process.env['TZ'] = 'UTC';
});
after(() => {
  if (zoneBefore === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zoneBefore;
});

const LOCAL3 = 19;
const identity: LogIdentity = { hostname: '', tag: 'haproxy-3.4', pid: 10947 };
const atMs = Date.UTC(2026, 10, 22, 14, 48, 54, 58) + 0.512;

function target(format: LogTarget['format'], facility = LOCAL3): LogTarget {
  const address = { family: 'stdout' } as const;
  return { address, format, maxLength: 1024, facility, levelMax: 7, levelMin: 0, sampleRanges: [], sampleSize: 0 };
}

function headerText(header: SyslogHeader, level: number, nowMs: number): string {
  const bytes = new Uint8Array(256).fill(0x7e);
  const end = header.write(bytes, 5, level, { nowMs });
  assert.ok(end - 5 <= header.bytesMax, 'longer than announced');
  assert.equal(bytes[end], 0x7e, 'wrote behind its end');
  return new TextDecoder().decode(bytes.subarray(5, end));
}

const recorded: [LogTarget['format'], string, string][] = [
  ['local', '<158>Nov 22 14:48:54 haproxy-3.4[10947]: ', '<158>Nov 22 14:48:54 haproxy-3.4[10947]: '],
  [
    'rfc3164',
    '<158>Nov 22 14:48:54 localhost haproxy-3.4[10947]: ',
    '<158>Nov 22 14:48:54 myhost haproxy-3.4[10947]: ',
  ],
  [
    'rfc5424',
    '<158>1 2026-11-22T14:48:54.058512+00:00 - haproxy-3.4 10947 - - ',
    '<158>1 2026-11-22T14:48:54.058512+00:00 myhost haproxy-3.4 10947 - - ',
  ],
  ['priority', '<158>', '<158>'],
  ['short', '<6>', '<6>'],
  ['timed', '<6>2026-11-22T14:48:54.058512+00:00 ', '<6>2026-11-22T14:48:54.058512+00:00 '],
  ['iso', '2026-11-22T14:48:54.058512+00:00 ', '2026-11-22T14:48:54.058512+00:00 '],
  ['raw', '', ''],
];

for (const [format, without, withHostname] of recorded) {
  test(`the header of format ${format} is HAProxy's, with and without log-send-hostname`, () => {
    const calendar = new LocalCalendar();
    const plain = new SyslogHeader(target(format), identity, calendar);
    assert.equal(headerText(plain, LEVEL_INFO, atMs), without);
    const named = new SyslogHeader(target(format), { ...identity, hostname: 'myhost' }, calendar);
    assert.equal(headerText(named, LEVEL_INFO, atMs), withHostname);
  });
}

test('priority is facility times eight plus level', () => {
  const calendar = new LocalCalendar();
  assert.equal(headerText(new SyslogHeader(target('priority', 16), identity, calendar), LEVEL_WARNING, atMs), '<132>');
  assert.equal(headerText(new SyslogHeader(target('priority', 0), identity, calendar), 0, atMs), '<0>');
  assert.equal(headerText(new SyslogHeader(target('priority', 23), identity, calendar), 7, atMs), '<191>');
});

test('the date follows the clock, forwards, backwards and within the second', () => {
  const header = new SyslogHeader(target('rfc5424'), identity, new LocalCalendar());
  const legacy = new SyslogHeader(target('local'), identity, new LocalCalendar());
  assert.match(headerText(header, 6, Date.UTC(2026, 0, 1) - 0.001), /^<158>1 2025-12-31T23:59:59\.999999\+00:00 - /);
  assert.match(headerText(header, 6, Date.UTC(2026, 0, 1)), /^<158>1 2026-01-01T00:00:00\.000000\+00:00 - /);
  assert.match(headerText(header, 6, Date.UTC(2026, 0, 1) + 7), /^<158>1 2026-01-01T00:00:00\.007000\+00:00 - /);
  assert.match(headerText(header, 6, atMs), /^<158>1 2026-11-22T14:48:54\.058512\+00:00 - /);
  assert.match(headerText(legacy, 6, atMs), /^<158>Nov 22 14:48:54 /);
  assert.match(headerText(legacy, 6, Date.UTC(2026, 1, 3, 4, 5, 6)), /^<158>Feb {2}3 04:05:06 /);
});

test('zones east and west of Greenwich are written with their sign', () => {
  process.env['TZ'] = 'Asia/Kolkata';
  const east = new SyslogHeader(target('iso'), identity, new LocalCalendar());
  assert.equal(headerText(east, 6, atMs), '2026-11-22T20:18:54.058512+05:30 ');
  process.env['TZ'] = 'America/St_Johns';
  const west = new SyslogHeader(target('iso'), identity, new LocalCalendar());
  assert.equal(headerText(west, 6, atMs), '2026-11-22T11:18:54.058512-03:30 ');
  process.env['TZ'] = 'UTC';
});

test('an empty tag leaves out tag and pid, and is a dash in rfc5424', () => {
  const calendar = new LocalCalendar();
  const untagged = { ...identity, tag: '' };
  assert.equal(headerText(new SyslogHeader(target('local'), untagged, calendar), 6, atMs), '<158>Nov 22 14:48:54 ');
  assert.equal(
    headerText(new SyslogHeader(target('rfc5424'), untagged, calendar), 6, atMs),
    '<158>1 2026-11-22T14:48:54.058512+00:00 - - 10947 - - ',
  );
});

test('a sampler takes the lines of its ranges and no others, round after round', () => {
  const sampler = new Sampler(
    [
      [4, 4],
      [1, 2],
    ],
    5,
  );
  const taken = Array.from({ length: 12 }, () => (sampler.take() ? 1 : 0));
  assert.deepEqual(taken, [1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 1]);
  const everything = new Sampler([], 0);
  assert.ok(Array.from({ length: 5 }, () => everything.take()).every(Boolean));
});
