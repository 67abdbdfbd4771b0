// Goal: the right lines reach the right targets at the right level. Method: a writer that keeps lines in memory.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Model } from '../model/model.ts';
import type { LogTarget, Proxy } from '../model/proxy.ts';
import { LogRecord } from '../sample/log-record.ts';
import { type LogAddress, LogSink, type LogWriter, logAddresses } from './log-sink.ts';
import { Logging, REQUEST_LINE_BYTES_DEFAULT } from './logger.ts';
import { letterCode, type TerminationCause } from './names.ts';
import { LEVEL_ALERT, LEVEL_NOTICE, LEVEL_WARNING } from './syslog.ts';

const WRITER_BYTES = 16 * 1024;

class MemoryWriter implements LogWriter {
  readonly bytes = new Uint8Array(WRITER_BYTES);
  readonly opened: LogAddress[] = [];
  readonly lines: string[] = []; // "channel: text"
  droppedCount = 0;
  failedCount = 0;
  failure = '';
  isFull = false;
  flushCount = 0;
  private reserved = 0;

  open(address: LogAddress): number {
    this.opened.push(address);
    return this.opened.length - 1;
  }

  reserve(_channel: number, lengthMax: number): number {
    assert.ok(lengthMax <= WRITER_BYTES);
    this.bytes.fill(0);
    this.reserved = lengthMax;
    if (!this.isFull) return 0;
    this.droppedCount++;
    return -1;
  }

  commit(channel: number, length: number): void {
    assert.ok(length <= this.reserved, 'a line is longer than what was reserved');
    assert.ok(
      this.bytes.subarray(this.reserved).every((byte) => byte === 0),
      'wrote behind its room',
    );
    this.lines.push(`${channel}: ${new TextDecoder().decode(this.bytes.subarray(0, length))}`);
  }

  flush(): boolean {
    this.flushCount++;
    return !this.isFull;
  }

  take(): string[] {
    return this.lines.splice(0);
  }
}

function target(change: Partial<LogTarget> = {}): LogTarget {
  const address = { family: 'stdout' } as const;
  const base = { address, format: 'short', maxLength: 1024, facility: 16, levelMax: 7, levelMin: 0 } as const;
  return { ...base, sampleRanges: [], sampleSize: 0, ...change };
}

function setUp(change: Partial<Proxy>, log: LogTarget[] = [target()]): { writer: MemoryWriter; logging: Logging } {
  const proxy = {
    ...{ name: 'f', mode: 'http', kind: 'frontend', servers: [], log, logFormat: 'httplog', logTag: '' },
    ...{ logasap: false, dontlognull: false, dontlogNormal: false, logSeparateErrors: false },
    ...change,
  };
  const global = { log: [target({ format: 'raw' })], logTag: 'weir', logSendHostname: '' };
  const model = { global, proxies: [proxy], serverCount: 0 } as unknown as Model;
  const writer = new MemoryWriter();
  const logging = new Logging(model, writer, { nowMs: Date.UTC(2026, 10, 22, 14, 48, 54) }, 42);
  return { writer, logging };
}

function newRecord(cause: TerminationCause = '-', status = 200): LogRecord {
  const record = new LogRecord(REQUEST_LINE_BYTES_DEFAULT);
  record.setClientInet(Uint8Array.of(10, 0, 0, 1), 0, 1234);
  record.setDestinationInet(Uint8Array.of(10, 0, 0, 2), 0, 80);
  record.acceptDateMs = Date.UTC(2026, 10, 22, 14, 48, 54);
  record.setTermination(letterCode(cause), letterCode('-'));
  record.status = status;
  record.bytesUploaded = 10;
  return record;
}

const level = (line: string): string => /^\d+: <(\d+)>/.exec(line)?.[1] ?? 'none';

test('a finished request is one line at level info, ending with a newline', () => {
  const { writer, logging } = setUp({});
  const logger = logging.forProxy(0);
  assert.ok(logger.active && logger.needsRequestLine && !logger.needsDestination);
  logger.accepted(newRecord());
  assert.deepEqual(writer.take(), [], 'httplog writes nothing at accept');
  const record = newRecord();
  logger.connected(record);
  logger.responded(record);
  logger.finished(record);
  logger.finished(record);
  const lines = writer.take();
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^0: <6>10\.0\.0\.1:1234 \[.*\] f f\/<NOSRV> .* "<BADREQ>"\n$/);
});

test('a proxy without targets writes nothing', () => {
  const { writer, logging } = setUp({}, []);
  const logger = logging.forProxy(0);
  assert.ok(!logger.active && !logger.needsRequestLine);
  logger.accepted(newRecord());
  logger.finished(newRecord());
  logger.refused(newRecord(), '1', 'why');
  logger.event(LEVEL_ALERT, 'what');
  assert.deepEqual(writer.take(), []);
});

test('the default format is written at accept, and only there', () => {
  const { writer, logging } = setUp({ logFormat: 'default', logasap: true });
  const logger = logging.forProxy(0);
  assert.ok(logger.needsDestination && !logger.needsRequestLine);
  const record = newRecord();
  logger.accepted(record);
  logger.responded(record);
  logger.finished(record);
  logger.refused(record, '1', 'why');
  assert.deepEqual(writer.take(), ['0: <6>Connect from 10.0.0.1:1234 to 10.0.0.2:80 (f/HTTP)\n']);
});

test('dontlognull leaves out connections that sent nothing', () => {
  const { writer, logging } = setUp({ dontlognull: true });
  const record = newRecord('C', 400);
  record.bytesUploaded = 0;
  logging.forProxy(0).finished(record);
  assert.deepEqual(writer.take(), []);
  record.bytesUploaded = 1;
  logging.forProxy(0).finished(record);
  assert.equal(writer.take().length, 1);
});

// Which streams count as errors, for dontlog-normal and log-separate-errors alike.
const outcomes: [string, LogRecord, boolean][] = [
  ['a good answer', newRecord(), false],
  ['a 404', newRecord('-', 404), false],
  ['an answer of our own', newRecord('L', 200), false],
  ['an answer of our own with 503', newRecord('L', 503), true],
  ['a 500 from the server', newRecord('-', 500), true],
  ['a client that left', newRecord('C', -1), true],
  ['a server timeout', newRecord('s', 504), true],
  ['a bad request', newRecord('P', 400), true],
  ['a retried request', Object.assign(newRecord(), { retries: 1 }), true],
  ['our own answer after retries', Object.assign(newRecord('L'), { retries: 1 }), false],
  ['a redispatched request', Object.assign(newRecord('L'), { redispatched: true }), true],
];

for (const [what, record, isError] of outcomes) {
  test(`${what} ${isError ? 'is an error' : 'is normal'} to dontlog-normal and log-separate-errors`, () => {
    const quiet = setUp({ dontlogNormal: true });
    record.logged = false;
    quiet.logging.forProxy(0).finished(record);
    assert.equal(quiet.writer.take().length, isError ? 1 : 0);
    const separate = setUp({ logSeparateErrors: true });
    record.logged = false;
    separate.logging.forProxy(0).finished(record);
    assert.deepEqual(separate.writer.take().map(level), [isError ? '3' : '6']);
  });
}

test('with logasap an HTTP line is written at the response head and a TCP line at the connection', () => {
  const http = setUp({ logasap: true });
  const record = newRecord();
  record.markIdle = 0;
  record.markConnect = 3;
  record.markData = 9;
  http.logging.forProxy(0).connected(record);
  assert.deepEqual(http.writer.take(), []);
  http.logging.forProxy(0).responded(record);
  record.markClose = 50;
  http.logging.forProxy(0).finished(record);
  const lines = http.writer.take();
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /\/\+9 200 \+0 /);

  const tcp = setUp({ logasap: true, mode: 'tcp', logFormat: 'tcplog' });
  const other = newRecord();
  other.markQueue = 0;
  other.markConnect = 3;
  tcp.logging.forProxy(0).responded(other);
  assert.deepEqual(tcp.writer.take(), []);
  tcp.logging.forProxy(0).connected(other);
  assert.match(tcp.writer.take()[0]!, / 1\/3\/\+3 \+0 -- /);
});

test('a connection refused before it was a stream is told with its bind', () => {
  const { writer, logging } = setUp({ logSeparateErrors: true });
  logging.forProxy(0).refused(newRecord(), 'mybind', 'Received an invalid PROXY protocol header');
  const [line] = writer.take();
  assert.match(
    line!,
    /^0: <3>10\.0\.0\.1:1234 \[\d\d\/Nov\/2026:[\d:.]+\] f\/mybind: Received an invalid PROXY protocol header\n$/,
  );
});

test('targets choose by level, cap it, sample, and cut to their own length', () => {
  const one = { family: 'fd', fd: 7 } as const;
  const two = { family: 'inet', host: '127.0.0.1', port: 514 } as const;
  const { writer, logging } = setUp({ logSeparateErrors: true }, [
    target({ levelMax: 3 }), // errors only
    target({ address: one, levelMin: 5 }), // never worse than notice
    target({ address: two, maxLength: 80, format: 'priority' }),
    target({ address: two, sampleRanges: [[2, 2]], sampleSize: 2, format: 'raw' }),
  ]);
  const logger = logging.forProxy(0);
  logger.finished(newRecord());
  logger.finished(newRecord('S', 503));
  const lines = writer.take();
  assert.deepEqual(
    lines.map((line) => `${line[0]} ${level(line)}`),
    ['1 6', '2 134', '0 3', '1 5', '2 131', '2 none'],
  );
  for (const line of lines.filter((text) => level(text).length === 3)) {
    assert.equal(line.length - 3, 80);
    assert.ok(line.endsWith('\n'));
  }
  assert.deepEqual(writer.opened, [{ family: 'stdout' }, one, two], 'one channel an address');
});

test('lines are built up to the longest len of the configuration', () => {
  const { writer, logging } = setUp({}, [target({ maxLength: 3000, format: 'raw' }), target({ format: 'raw' })]);
  const record = newRecord();
  const bytes = new Uint8Array(1500).fill(0x80);
  record.captureRequestLine(bytes, 0, bytes.length);
  logging.forProxy(0).finished(record);
  const lengths = writer.take().map((line) => line.length - 3);
  assert.equal(lengths[1], 1024);
  assert.ok(lengths[0]! > 2990 && lengths[0]! <= 3000, `${lengths[0]}`);
});

test('events go to the proxy they concern, or to the global targets', () => {
  const { writer, logging } = setUp({ logFormat: 'default' });
  logging.forProxy(0).event(LEVEL_ALERT, 'Server f/s is DOWN.');
  logging.event(LEVEL_WARNING, 'Proxy f stopped (cumulated conns: FE: 1, BE: 0).');
  logging.forProxy(0).event(LEVEL_NOTICE, 'é'.repeat(3000));
  const lines = writer.take();
  assert.equal(lines[0], '0: <1>Server f/s is DOWN.\n');
  assert.equal(lines[1], '0: Proxy f stopped (cumulated conns: FE: 1, BE: 0).\n');
  assert.ok(lines[2]!.length < 1030 && lines[2]!.endsWith('\n'));
});

test('lost lines are reported once a second at most, and each only once', () => {
  const writer = new MemoryWriter();
  const sink = new LogSink(writer);
  assert.equal(sink.takeLossReport(0), '');
  writer.droppedCount = 3;
  assert.equal(sink.takeLossReport(10), 'log lines lost: 3 dropped because their receiver is too slow');
  writer.failedCount = 2;
  writer.failure = 'Connection refused';
  assert.equal(sink.takeLossReport(1009), '');
  assert.equal(sink.takeLossReport(1010), 'log lines lost: 2 not sent: Connection refused');
  assert.equal(sink.takeLossReport(5000), '');
});

test('a writer without room loses the line and nothing else', () => {
  const { writer, logging } = setUp({});
  writer.isFull = true;
  logging.forProxy(0).finished(newRecord());
  logging.forProxy(0).event(LEVEL_ALERT, 'x');
  assert.equal(logging.flush(), false);
  assert.equal(writer.droppedCount, 2);
  writer.isFull = false;
  logging.forProxy(0).finished(newRecord());
  assert.equal(writer.take().length, 1);
  assert.equal(logging.flush(), true);
});

test('every address of the configuration is listed once', () => {
  const inet = { family: 'inet', host: '10.0.0.1', port: 514 } as const;
  const fdOne = { family: 'fd', fd: 1 } as const;
  const { logging } = setUp({}, [
    target({ address: inet }),
    target({ address: { ...inet } }),
    target({ address: fdOne }),
  ]);
  assert.equal(logAddresses(logging.model).length, 2, 'stdout and fd@1 are the same');
});

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

test('a line made elsewhere goes to every target, cut to its length, without the ends of lines it may have', () => {
  const { writer, logging } = setUp({}, [
    target(),
    target({ format: 'raw', maxLength: 80 }),
    target({ format: 'rfc5424', levelMax: 5 }),
  ]);
  const text = bytesOf(`${'x'.repeat(100)}\n\0\n`);
  logging.forProxy(0).sendMade(6, text, text.length, bytesOf(''), 0);
  assert.deepEqual(writer.take(), [`0: <6>${'x'.repeat(100)}\n`, `0: ${'x'.repeat(79)}\n`]);
  logging.forProxy(0).sendMade(6, text, 0, bytesOf(''), 0);
  logging.forProxy(0).sendMade(6, bytesOf('\n'), 1, bytesOf(''), 0);
  assert.deepEqual(writer.take(), [], 'nothing to say');
});

test('structured data stand where RFC 5424 has them, and nowhere else', () => {
  const { writer, logging } = setUp({}, [target({ format: 'rfc5424' }), target()]);
  const data = bytesOf('[id a="b"]');
  logging.forProxy(0).sendMade(6, bytesOf('text'), 4, data, data.length);
  const [structured, plain] = writer.take();
  assert.match(structured!, / - \[id a="b"\] text\n$/);
  assert.equal(plain, '0: <6>text\n');
  logging.forProxy(0).sendMade(6, bytesOf('text'), 4, data, 0);
  assert.match(writer.take()[0]!, / - - text\n$/);
});

test('a custom line is silent, an error or ordinary as the built-in ones are', () => {
  const { logging } = setUp({ dontlogNormal: true, logSeparateErrors: true, dontlognull: true });
  const logger = logging.forProxy(0);
  const record = new LogRecord(64);
  assert.equal(logger.levelFor(record), -1);
  assert.equal(logger.levelNow(record, false), 6);
  record.status = 500;
  assert.equal(logger.levelFor(record), 3);
  record.level = 4;
  assert.equal(logger.levelFor(record), 4);
  assert.equal(logger.ignores(record), true);
  record.bytesUploaded = 1;
  assert.equal(logger.ignores(record), false);
});

test('do-log says nothing where no format is set', () => {
  const { writer, logging } = setUp({ logFormat: 'default' });
  logging.forProxy(0).now(new LogRecord(64));
  assert.deepEqual(writer.take(), []);
});
