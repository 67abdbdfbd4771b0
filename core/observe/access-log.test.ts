// Goal: a line is byte for byte HAProxy's, and no peer can make it anything but one printable, bounded line.
// Method: records set to what HAProxy 3.4.0 saw when it wrote the lines quoted here; random bytes as request lines.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LocalCalendar } from '../base/calendar.ts';
import type { Prng } from '../base/prng.ts';
import { asciiBytes } from '../base/text.ts';
import type { Model } from '../model/model.ts';
import { HTTP_LOG_FORMAT, TCP_LOG_FORMAT } from '../sample/log-formats.ts';
import { LOG_SERVER_NONE, LOG_SERVER_STATS, LogRecord } from '../sample/log-record.ts';
import { fuzz } from '../testing/fuzz.ts';
import { LineWriter, NameTable } from './access-log.ts';
import { compileLogFormat, formatOf, LogFormatError } from './log-format.ts';

const zoneBefore = process.env['TZ'];
before(() => {
  process.env['TZ'] = 'Asia/Kolkata';
});
after(() => {
  if (zoneBefore === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zoneBefore;
});

const REQUEST_LINE_BYTES_MAX = 1023;
const LIMIT = 1023;

function writerFor(proxies: { name: string; servers: string[] }[]): LineWriter {
  let index = 0;
  const sections = proxies.map(({ name, servers }) => ({
    name,
    servers: servers.map((server) => ({ name: server, index: index++ })),
  }));
  return new LineWriter(
    new NameTable({ proxies: sections, serverCount: index } as unknown as Model),
    new LocalCalendar(),
  );
}

const writer = writerFor([
  { name: 'h', servers: [] },
  { name: 'b', servers: ['s', 's2'] },
]);

function newRecord(): LogRecord {
  const record = new LogRecord(REQUEST_LINE_BYTES_MAX);
  record.setClientInet(Uint8Array.of(127, 0, 0, 1), 0, 42242);
  record.setDestinationInet(Uint8Array.of(127, 0, 0, 1), 0, 35567);
  record.acceptDateMs = Date.UTC(2026, 10, 22, 14, 58, 27, 457);
  record.actconn = 1;
  record.feconn = 1;
  return record;
}

function served(record: LogRecord): LogRecord {
  record.backendIndex = 1;
  record.serverIndex = 0;
  record.markIdle = 0;
  record.markRequest = 0;
  record.markQueue = 0;
  record.markConnect = 0;
  record.markData = 26;
  record.markClose = 26;
  record.status = 200;
  record.bytesRead = 106;
  return record;
}

function capture(record: LogRecord, line: string): void {
  const bytes = Uint8Array.from(line, (char) => char.charCodeAt(0));
  record.captureRequestLine(bytes, 0, bytes.length);
}

function lineOf(format: string, record: LogRecord, early = false, limit = LIMIT, lines = writer): string {
  const compiled = compileLogFormat(format);
  const room = lines.roomFor(compiled, limit);
  const bytes = new Uint8Array(room + 20).fill(0x7e);
  const end = lines.write(compiled, record, early, bytes, 7, limit);
  assert.ok(end - 7 <= limit, 'longer than its limit');
  assert.equal(bytes[6], 0x7e, 'wrote in front of its place');
  for (let at = 7 + room; at < bytes.length; at++) assert.equal(bytes[at], 0x7e, 'wrote behind its room');
  return new TextDecoder('latin1').decode(bytes.subarray(7, end));
}

test('a served request in httplog', () => {
  const record = served(newRecord());
  capture(record, 'GET /x HTTP/1.1');
  assert.equal(
    lineOf(HTTP_LOG_FORMAT, record),
    '127.0.0.1:42242 [22/Nov/2026:20:28:27.457] h b/s 0/0/0/26/26 200 106 - - ---- 1/1/0/0/0 0/0 "GET /x HTTP/1.1"',
  );
});

test('with logasap, totals carry a plus', () => {
  const record = served(newRecord());
  record.beconn = 1;
  record.srvConn = 1;
  capture(record, 'GET /x HTTP/1.1');
  assert.equal(
    lineOf(HTTP_LOG_FORMAT, record, true),
    '127.0.0.1:42242 [22/Nov/2026:20:28:27.457] h b/s 0/0/0/26/+26 200 +106 - - ---- 1/1/1/1/0 0/0 "GET /x HTTP/1.1"',
  );
  const tcp = served(newRecord());
  tcp.markRequest = -1;
  tcp.bytesRead = 0;
  tcp.markClose = 0;
  tcp.beconn = 1;
  tcp.srvConn = 1;
  assert.equal(
    lineOf(TCP_LOG_FORMAT, tcp, true),
    '127.0.0.1:42242 [22/Nov/2026:20:28:27.457] h b/s 1/0/+0 +0 -- 1/1/1/1/0 0/0',
  );
});

test('a bad request has no timers, no server and no request line', () => {
  const record = newRecord();
  record.status = 400;
  record.setTermination('P'.charCodeAt(0), 'R'.charCodeAt(0));
  assert.equal(
    lineOf(HTTP_LOG_FORMAT, record),
    '127.0.0.1:42242 [22/Nov/2026:20:28:27.457] h h/<NOSRV> -1/-1/-1/-1/0 400 0 - - PR-- 1/1/0/0/0 0/0 "<BADREQ>"',
  );
});

test('a TCP connection in tcplog waits one millisecond too long, as in HAProxy', () => {
  const record = served(newRecord());
  record.markIdle = -1;
  record.markRequest = -1;
  record.markClose = 1;
  record.bytesRead = 99;
  assert.equal(
    lineOf(TCP_LOG_FORMAT, record),
    '127.0.0.1:42242 [22/Nov/2026:20:28:27.457] h b/s 1/0/1 99 -- 1/1/0/0/0 0/0',
  );
});

test('a redispatched request shows it before its retries; queues, cookies and idle time have their places', () => {
  const record = served(newRecord());
  record.tls = true;
  record.serverIndex = 1;
  record.markHandshake = 5;
  record.markIdle = 10;
  record.markRequest = 18;
  record.markQueue = 40;
  record.markConnect = 45;
  record.markData = 1045;
  record.markClose = 12_345;
  record.redispatched = true;
  record.retries = 1;
  record.srvQueue = 3;
  record.backendQueue = 14;
  record.terminationCookie = 'V'.charCodeAt(0);
  record.terminationSetCookie = 'N'.charCodeAt(0);
  record.bytesRead = 5_000_000_000;
  capture(record, 'GET / HTTP/1.0');
  assert.equal(
    lineOf(HTTP_LOG_FORMAT, record),
    '127.0.0.1:42242 [22/Nov/2026:20:28:27.472] h~ b/s2 3/22/5/1000/12330 200 5000000000 - - --VN 1/1/0/0/+1 3/14 "GET / HTTP/1.0"',
  );
});

test('who answers may be nobody or the statistics page', () => {
  const record = newRecord();
  record.serverIndex = LOG_SERVER_NONE;
  assert.equal(lineOf('%b/%s', record), 'h/<NOSRV>');
  record.serverIndex = LOG_SERVER_STATS;
  assert.equal(lineOf('%b/%s', record), 'h/<STATS>');
});

test('the default format names both ends, or the bind when the client came by a Unix socket', () => {
  const record = newRecord();
  const bytes = new Uint8Array(256);
  const text = (kind: 'http' | 'tcp', unixClient: boolean): string =>
    new TextDecoder().decode(
      bytes.subarray(0, writer.write(formatOf('default', kind, unixClient), record, false, bytes, 0, LIMIT)),
    );
  assert.equal(text('http', false), 'Connect from 127.0.0.1:42242 to 127.0.0.1:35567 (h/HTTP)');
  record.setClientInet6(Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1), 0, 5);
  record.setDestinationInet6(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 1, 2, 3, 4), 0, 6);
  assert.equal(text('tcp', false), 'Connect from 2001:db8::1:0:0:1:5 to ::ffff:1.2.3.4:6 (h/TCP)');
  record.clientFamily = 1;
  record.clientPort = 2;
  assert.equal(text('http', true), 'Connect to unix:2 (h/HTTP)');
  assert.equal(lineOf('%ci:%cp', record), 'unix:2');
  record.clientFamily = 0;
  assert.equal(lineOf('%ci:%cp', record), '-:-');
});

test('odd bytes of a request line are shown as HAProxy shows them', () => {
  let odd = '';
  for (let byte = 0x21; byte < 0x100; byte++) if (byte !== 0x7f) odd += String.fromCharCode(byte);
  const record = newRecord();
  capture(record, `GET /${odd} HTTP/1.1`);
  let high = '';
  for (let byte = 0x80; byte < 0x100; byte++) high += `#${byte.toString(16).toUpperCase()}`;
  const printable =
    "!#22#23$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";
  assert.equal(lineOf('%{+Q}r', record), `"GET /${printable}${high} HTTP/1.1"`);
  capture(record, 'a\x00\t\r\n\x1f\x7f b');
  assert.equal(lineOf('%r', record), 'a#00#09#0D#0A#1F#7F b');
});

// Recorded with a frontend whose name has 600 letters: the line breaks off at 1023 bytes, an escape is only begun
// when one byte is to spare behind it, and the closing quote comes when a byte is left.
test('a line that gets too long ends where HAProxy ends it', () => {
  const lines = writerFor([
    { name: 'f'.repeat(600), servers: [] },
    { name: 'bad', servers: ['s2'] },
  ]);
  const record = served(newRecord());
  record.markData = 1;
  record.markClose = 1;
  record.status = 400;
  record.bytesRead = 43;
  const escapes = [21, 21, 21, 20, 20, 20, 19];
  const lengths = [1021, 1022, 1023, 1021, 1022, 1023, 1021];
  for (let extra = 0; extra <= 6; extra++) {
    capture(record, `GET /${'a'.repeat(260 + extra)}${'\x80'.repeat(60)} HTTP/1.1`);
    const line = lineOf(HTTP_LOG_FORMAT, record, false, LIMIT, lines);
    assert.ok(line.endsWith(`a${'#80'.repeat(escapes[extra]!)}"`), `${extra}: ${line.slice(-90)}`);
    assert.equal(line.length, lengths[extra], `${extra} more letters`);
  }
});

test('names longer than the line still keep it within its limit', () => {
  const lines = writerFor([{ name: 'n'.repeat(5000), servers: [] }]);
  const record = newRecord();
  capture(record, `GET /${'"'.repeat(1000)}`);
  assert.equal(lineOf('%f %b %r', record, false, 100, lines), 'n'.repeat(100));
});

test('only the first bytes of a long request line are kept', () => {
  const record = newRecord();
  capture(record, `GET /${'a'.repeat(2000)} HTTP/1.1`);
  assert.equal(record.requestLineLength, REQUEST_LINE_BYTES_MAX);
  assert.equal(lineOf('%{+Q}r', record, false, 4000), `"GET /${'a'.repeat(1018)}"`);
});

fuzz(
  'a request line of any bytes makes one printable line within its limit',
  (prng: Prng) => {
    const record = served(newRecord());
    const bytes = prng.bytes(prng.below(1500));
    if (prng.below(2) === 0) for (let at = 0; at < bytes.length; at++) bytes[at] = 0x20 + (bytes[at]! % 0x60);
    record.captureRequestLine(bytes, 0, bytes.length);
    const limit = 79 + prng.below(3000);
    const line = lineOf(HTTP_LOG_FORMAT, record, prng.below(2) === 0, limit);
    assert.match(line, /^[\x20-\x7e]*$/);
    const start = line.indexOf('"');
    if (start < 0 || bytes.length === 0) return;
    const shown = line.slice(start + 1).replace(/"$/, '');
    assert.ok(!shown.includes('"'), 'a quote inside the quotes');
    const decoded = shown.replace(/#([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
    const wanted = String.fromCharCode(...bytes.subarray(0, REQUEST_LINE_BYTES_MAX));
    assert.ok(wanted.startsWith(decoded), 'the line shows bytes that were not sent');
    if (line.length < limit - 5) assert.equal(decoded, wanted);
  },
  4,
);

fuzz('the quick look at a request line agrees with looking at each byte', (prng: Prng) => {
  const record = new LogRecord(REQUEST_LINE_BYTES_MAX);
  const bytes = asciiBytes('GET /some/path?with=a&query=string HTTP/1.1').slice(0, prng.below(44));
  if (bytes.length > 0 && prng.below(3) > 0) bytes[prng.below(bytes.length)] = prng.below(256);
  record.captureRequestLine(bytes, 0, bytes.length);
  const isPlain = bytes.every((byte) => byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x23);
  assert.equal(record.isRequestLinePlain(), isPlain);
});

test('runs of spaces become one, percent signs are doubled, and what is unknown is refused in HAProxy words', () => {
  const record = newRecord();
  assert.equal(lineOf('  a   %%  %f %hr %hs  %b', record), 'a % h h');
  assert.equal(lineOf('%ac/%fc/%bc', record), '1/1/0');
  assert.throws(() => compileLogFormat('%foo'), new LogFormatError("no such format alias 'foo'"));
  assert.throws(() => compileLogFormat('%constructor'), LogFormatError);
  assert.throws(() => compileLogFormat('a %'), LogFormatError);
  assert.throws(() => compileLogFormat('%{+X}ci'), LogFormatError);
});
