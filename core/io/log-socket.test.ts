// Goal: every line that can be delivered arrives whole, once and in order; what cannot is counted, and nothing ever
// blocks. Method: real sockets, pipes and files, with receivers that are slow, full, gone, or come back.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { AF_INET, AF_INET6, AF_UNIX, MSG_DONTWAIT, SO_TYPE, SOCK_DGRAM, SOCK_STREAM } from '../sys/abi.ts';
import { nativeFunction } from '../sys/ffi.ts';
import * as libc from '../sys/libc.ts';
import { mapAnonymous } from '../sys/memory.ts';
import { encodeInet, encodeUnixAbstract, encodeUnixPath } from '../sys/sockaddr.ts';
import { closeFd, getOption, localAddress, openSocket, setOption, socketFamily } from '../sys/socket.ts';
import { LogSocket, type LogSocketAddress } from './log-socket.ts';

const socketpair = nativeFunction<(domain: number, type: number, protocol: number, fds: Int32Array) => number>(
  'int socketpair(int domain, int type, int protocol, void *fds)',
);

const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_NO_CHECK = 11;
const memory = mapAnonymous(1 << 20);
let folder = '';

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-log-'));
});
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

function put(log: LogSocket, channel: number, text: string): boolean {
  const bytes = new TextEncoder().encode(text);
  const at = log.reserve(channel, bytes.length + 100);
  if (at < 0) return false;
  log.bytes.set(bytes, at);
  log.commit(channel, bytes.length);
  return true;
}

/** One datagram or one read's bytes, '' when there is nothing now. */
function receive(fd: number): string {
  const length = libc.recvAt(fd, memory.address, memory.length, MSG_DONTWAIT);
  return length <= 0 ? '' : new TextDecoder().decode(memory.bytes.slice(0, length));
}

function bound(family: number, sockaddr: Uint8Array): number {
  const fd = openSocket(family, SOCK_DGRAM);
  assert.equal(libc.bind(fd, sockaddr, sockaddr.length), 0);
  return fd;
}

function withLog(addresses: LogSocketAddress[], run: (log: LogSocket) => void): void {
  const log = new LogSocket(addresses.length);
  addresses.forEach((address, index) => {
    assert.equal(log.open(address), index);
  });
  try {
    run(log);
  } finally {
    log.stop();
  }
}

test('many lines leave in one call, each a datagram of its own, over IPv4 and IPv6', () => {
  const four = bound(AF_INET, encodeInet('127.0.0.1', 0));
  const six = bound(AF_INET6, encodeInet('::1', 0));
  const addresses: LogSocketAddress[] = [
    { family: 'inet', host: '127.0.0.1', port: localAddress(four).port },
    { family: 'inet6', host: '::1', port: localAddress(six).port, scope: '' },
  ];
  withLog(addresses, (log) => {
    for (let index = 0; index < 50; index++) assert.ok(put(log, index % 2, `line ${index}\n`));
    assert.equal(receive(four), '', 'nothing leaves before flush');
    assert.equal(log.flush(), true);
    assert.equal(log.syscallCount, 2);
    for (let index = 0; index < 50; index++) assert.equal(receive(index % 2 === 0 ? four : six), `line ${index}\n`);
    assert.equal(receive(four), '');
    assert.equal(log.flush(), true);
    assert.equal(log.syscallCount, 2, 'an empty flush calls nobody');
  });
  closeFd(four);
  closeFd(six);
});

test('lines of equal and of mixed length arrive as one datagram each, in order, however they were grouped', () => {
  const receiver = bound(AF_INET, encodeInet('127.0.0.1', 0));
  setOption(receiver, SOL_SOCKET, SO_RCVBUF, 1 << 20);
  withLog([{ family: 'inet', host: '127.0.0.1', port: localAddress(receiver).port }], (log) => {
    const sets = [
      Array.from({ length: 150 }, (_, index) => `${1000 + index} equal\n`),
      Array.from({ length: 150 }, (_, index) => `${1000 + index} ${'m'.repeat((index * 7) % 5)}\n`),
      Array.from({ length: 9 }, (_, index) => `${index} ${'l'.repeat(20_000)}\n`),
      [...Array.from({ length: 5 }, () => 'same\n'), 'x\n', 'same\n', 'longer\n', 'y\n'],
    ];
    for (const lines of sets) {
      for (const line of lines) assert.ok(put(log, 0, line));
      assert.equal(log.flush(), true);
      for (const line of lines) assert.equal(receive(receiver), line);
      assert.equal(receive(receiver), '');
    }
    assert.equal(log.droppedCount + log.failedCount, 0);
  });
  closeFd(receiver);
});

// Method: Linux cuts no messages of a socket that leaves out checksums; it says EINVAL, as for lines over the MTU.
test('where the kernel refuses to cut messages, lines go out one by one and none is lost', () => {
  const receiver = bound(AF_INET, encodeInet('127.0.0.1', 0));
  withLog([{ family: 'inet', host: '127.0.0.1', port: localAddress(receiver).port }], (log) => {
    const isLogSocket = (fd: number): boolean => {
      try {
        return fd !== receiver && socketFamily(fd) === AF_INET && getOption(fd, SOL_SOCKET, SO_TYPE) === SOCK_DGRAM;
      } catch {
        return false; // no socket
      }
    };
    const fds = readdirSync('/proc/self/fd').map(Number).filter(isLogSocket);
    assert.equal(fds.length, 1);
    setOption(fds[0]!, SOL_SOCKET, SO_NO_CHECK, 1);
    for (let round = 1; round <= 2; round++) {
      for (let index = 0; index < 20; index++) put(log, 0, `line ${100 + index}\n`);
      assert.equal(log.flush(), true);
      for (let index = 0; index < 20; index++) assert.equal(receive(receiver), `line ${100 + index}\n`);
      assert.equal(log.syscallCount, 1 + round, 'one refusal, then one call a turn');
    }
    assert.equal(log.failedCount + log.droppedCount, 0);
  });
  closeFd(receiver);
});

test('Unix sockets are reached by path and by abstract name', () => {
  const path = join(folder, 'paths.sock');
  const name = `weir-log-test-${process.pid}`;
  const byPath = bound(AF_UNIX, encodeUnixPath(path));
  const padded = bound(AF_UNIX, encodeUnixAbstract(name, true));
  const addresses: LogSocketAddress[] = [
    { family: 'unix', path },
    { family: 'abns', name, zeroTerminated: false },
  ];
  withLog(addresses, (log) => {
    put(log, 0, 'to the path\n');
    put(log, 1, 'to the name\n');
    assert.equal(log.flush(), true);
    assert.equal(receive(byPath), 'to the path\n');
    assert.equal(receive(padded), 'to the name\n');
  });
  closeFd(byPath);
  closeFd(padded);
});

test('a receiver that vanishes loses lines, which are counted, and gets new ones when it is back', () => {
  const path = join(folder, 'vanishing.sock');
  let receiver = bound(AF_UNIX, encodeUnixPath(path));
  withLog([{ family: 'unix', path }], (log) => {
    put(log, 0, 'one\n');
    log.flush();
    assert.equal(receive(receiver), 'one\n');
    closeFd(receiver);
    for (let index = 0; index < 5; index++) put(log, 0, 'lost\n');
    assert.equal(log.flush(), true, 'there is nothing to wait for');
    assert.equal(log.failedCount, 5);
    assert.match(log.failure, /refused/i);
    rmSync(path);
    put(log, 0, 'lost too\n');
    log.flush();
    assert.equal(log.failedCount, 6);
    assert.match(log.failure, /no such file/i);
    receiver = bound(AF_UNIX, encodeUnixPath(path));
    put(log, 0, 'two\n');
    log.flush();
    assert.equal(receive(receiver), 'two\n');
    assert.equal(receive(receiver), '');
    assert.equal(log.droppedCount, 0);
  });
  closeFd(receiver);
});

test('a UDP port where nobody listens costs nothing but the lines', () => {
  const probe = bound(AF_INET, encodeInet('127.0.0.1', 0));
  const port = localAddress(probe).port;
  closeFd(probe);
  withLog([{ family: 'inet', host: '127.0.0.1', port }], (log) => {
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 20; index++) assert.ok(put(log, 0, 'into the void\n'));
      assert.equal(log.flush(), true);
    }
    assert.equal(log.failedCount + log.droppedCount, 0);
  });
});

test('a full Unix socket keeps its lines waiting in order, drops and counts what finds no room', () => {
  const path = join(folder, 'full.sock');
  const receiver = bound(AF_UNIX, encodeUnixPath(path));
  withLog([{ family: 'unix', path }], (log) => {
    let accepted = 0;
    while (log.droppedCount < 50) {
      if (put(log, 0, `line ${accepted}${'.'.repeat(300)}\n`)) accepted++;
      if (accepted % 7 === 0) log.flush();
    }
    assert.equal(log.flush(), false, 'lines wait for the receiver');
    const callsBefore = log.syscallCount;
    for (let index = 0; index < 100; index++) put(log, 0, `${'x'.repeat(300)}\n`);
    assert.ok(log.syscallCount - callsBefore <= 1, 'a busy receiver is not asked again and again within a turn');
    assert.ok(log.droppedCount >= 150);
    for (let index = 0; index < accepted; index++) {
      let text = receive(receiver);
      if (text === '') {
        log.flush();
        text = receive(receiver);
      }
      assert.ok(text.startsWith(`line ${index}.`), `line ${index} came as ${text.slice(0, 20)}`);
      if (index % 5 === 0) log.flush();
    }
    assert.equal(log.flush(), true);
    assert.equal(receive(receiver), '');
    assert.ok(put(log, 0, 'after\n') && log.flush());
    assert.equal(receive(receiver), 'after\n');
    assert.equal(log.failedCount, 0);
  });
  closeFd(receiver);
});

test('waiting lines make way for new ones while the receiver takes a few at a time', () => {
  const path = join(folder, 'slow.sock');
  const receiver = bound(AF_UNIX, encodeUnixPath(path));
  withLog([{ family: 'unix', path }], (log) => {
    let sent = 0;
    let received = 0;
    for (let round = 0; round < 3000; round++) {
      for (let index = 0; index < 3; index++) if (put(log, 0, `${sent} ${'-'.repeat(500)}\n`)) sent++;
      log.flush();
      for (let index = 0; index < 2; index++) {
        const text = receive(receiver);
        if (text !== '') assert.equal(text, `${received++} ${'-'.repeat(500)}\n`);
      }
    }
    assert.ok(log.droppedCount > 0, 'the room was never used up');
    for (let idle = 0; idle < 2; ) {
      idle = log.flush() ? idle + 1 : idle;
      for (let text = receive(receiver); text !== ''; text = receive(receiver)) {
        assert.equal(text, `${received++} ${'-'.repeat(500)}\n`);
      }
    }
    assert.equal(received, sent);
  });
  closeFd(receiver);
});

test('lines reach a pipe in writes of whole lines no larger than PIPE_BUF, and without making the pipe non-blocking', () => {
  const fds = new Int32Array(2);
  assert.equal(libc.pipe2(fds, 0), 0);
  const [reader, writer] = [fds[0]!, fds[1]!];
  withLog([{ family: 'fd', fd: writer }], (log) => {
    let expected = '';
    for (let index = 0; index < 100; index++) {
      const line = `${index} ${'p'.repeat(index * 3)}\n`;
      expected += line;
      put(log, 0, line);
    }
    assert.equal(log.flush(), true);
    assert.ok(log.syscallCount >= expected.length / 4096 && log.syscallCount < 8, `${log.syscallCount} writes`);
    const buffer = Buffer.alloc(65_536);
    let text = '';
    while (text.length < expected.length) text += buffer.toString('latin1', 0, readSync(reader, buffer));
    assert.equal(text, expected);
    assert.equal(libc.fcntl(writer, 3, 0) & 0o4000, 0, 'the shared pipe was made non-blocking');
  });
  closeSync(reader);
  closeSync(writer);
});

test('a full pipe never blocks and never cuts a line; a pipe without reader loses its lines', () => {
  const fds = new Int32Array(2);
  assert.equal(libc.pipe2(fds, 0o4000), 0);
  const [reader, writer] = [fds[0]!, fds[1]!];
  withLog([{ family: 'fd', fd: writer }], (log) => {
    let accepted = 0;
    while (log.droppedCount === 0) {
      if (put(log, 0, `${accepted} ${'q'.repeat(accepted % 9 === 0 ? 6000 : 200)}\n`)) accepted++;
      log.flush();
    }
    let text = '';
    for (;;) {
      const length = libc.readAt(reader, memory.address, 30_000);
      if (length > 0) text += new TextDecoder().decode(memory.bytes.slice(0, length));
      else if (log.flush()) break;
    }
    for (;;) {
      const length = libc.readAt(reader, memory.address, 30_000);
      if (length <= 0) break;
      text += new TextDecoder().decode(memory.bytes.slice(0, length));
    }
    const lines = text.split('\n');
    assert.equal(lines.length, accepted + 1);
    lines.slice(0, -1).forEach((line, index) => {
      assert.match(line, new RegExp(`^${index} q+$`));
    });
    closeFd(reader);
    put(log, 0, 'nobody reads\n');
    assert.equal(log.flush(), true);
    assert.equal(log.failedCount, 1);
    assert.match(log.failure, /broken pipe/i);
  });
  closeFd(writer);
});

test('a stream socket continues a line that it took half of', () => {
  const fds = new Int32Array(2);
  assert.equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
  const [reader, writer] = [fds[0]!, fds[1]!];
  setOption(writer, SOL_SOCKET, SO_SNDBUF, 4096);
  setOption(reader, SOL_SOCKET, SO_RCVBUF, 4096);
  withLog([{ family: 'fd', fd: writer }], (log) => {
    let expected = '';
    let text = '';
    let turns = 0;
    for (let index = 0; index < 400; index++) {
      const line = `${index} ${'s'.repeat(700)}\n`;
      assert.ok(put(log, 0, line));
      expected += line;
      if (index % 40 === 0) log.flush();
      if (index % 40 === 20) text += receive(reader);
    }
    while (!log.flush()) {
      turns++;
      text += receive(reader);
    }
    for (let part = receive(reader); part !== ''; part = receive(reader)) text += part;
    assert.ok(turns > 3, 'the socket took everything at once');
    assert.equal(text, expected);
    assert.equal(log.droppedCount + log.failedCount, 0);
  });
  closeFd(reader);
  closeFd(writer);
});

test('an inherited datagram socket gets a message a line', () => {
  const fds = new Int32Array(2);
  assert.equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
  const [reader, writer] = [fds[0]!, fds[1]!];
  withLog([{ family: 'fd', fd: writer }], (log) => {
    put(log, 0, 'one\n');
    put(log, 0, 'two\n');
    log.flush();
    assert.equal(receive(reader), 'one\n');
    assert.equal(receive(reader), 'two\n');
  });
  closeFd(reader);
  closeFd(writer);
});

test('a file gets all lines of a turn in one write, behind what it held', () => {
  const path = join(folder, 'file.log');
  const fd = openSync(path, 'a');
  withLog([{ family: 'fd', fd }], (log) => {
    for (let turn = 0; turn < 2; turn++) {
      for (let index = 0; index < 300; index++) put(log, 0, `${turn} ${index}\n`);
      assert.equal(log.flush(), true);
    }
    assert.equal(log.syscallCount, 2);
    assert.equal(readFileSync(path, 'utf8').split('\n').length, 601);
  });
  closeSync(fd);
});

test('more lines than the room of a turn leave early instead of being lost', () => {
  const path = join(folder, 'room.log');
  const fd = openSync(path, 'a');
  withLog([{ family: 'fd', fd }], (log) => {
    for (let index = 0; index < 5000; index++) assert.ok(put(log, 0, `${index} ${'r'.repeat(400)}\n`));
    assert.equal(log.flush(), true);
    assert.equal(log.droppedCount, 0);
    const lines = readFileSync(path, 'utf8').split('\n');
    assert.equal(lines.length, 5001);
    assert.ok(lines[4999]!.startsWith('4999 r'));
  });
  closeSync(fd);
});

test('a datagram too large for its socket is lost alone', () => {
  const receiver = bound(AF_INET, encodeInet('127.0.0.1', 0));
  withLog([{ family: 'inet', host: '127.0.0.1', port: localAddress(receiver).port }], (log) => {
    put(log, 0, 'before\n');
    put(log, 0, 'x'.repeat(65_530));
    put(log, 0, 'after\n');
    assert.equal(log.flush(), true);
    assert.equal(receive(receiver), 'before\n');
    assert.equal(receive(receiver), 'after\n');
    assert.equal(log.failedCount, 1);
  });
  closeFd(receiver);
});

test('an address that cannot be opened loses its lines and says why', () => {
  const addresses: LogSocketAddress[] = [
    { family: 'unix', path: `/${'p'.repeat(200)}` },
    { family: 'fd', fd: 9999 },
    { family: 'inet6', host: 'fe80::1', port: 514, scope: 'no-such-interface' },
  ];
  withLog(addresses, (log) => {
    const reasons = [/unix socket path longer/, /EBADF/, /no such interface: no-such-interface/];
    reasons.forEach((reason, channel) => {
      assert.ok(put(log, channel, 'x\n'));
      assert.equal(log.flush(), true);
      assert.equal(log.failedCount, channel + 1);
      assert.match(log.failure, reason);
    });
  });
});

test('what it opened is closed again, and what it was given stays open', async () => {
  const { spawn } = await import('node:child_process');
  const script = `
    import { readdirSync, openSync } from 'node:fs';
    import { LogSocket } from ${JSON.stringify(new URL('./log-socket.ts', import.meta.url).href)};
    const given = openSync('/dev/null', 'a');
    const count = () => readdirSync('/proc/self/fd').length;
    const before = count();
    const log = new LogSocket(3);
    log.open({ family: 'inet', host: '127.0.0.1', port: 9 });
    log.open({ family: 'fd', fd: given });
    log.open({ family: 'stdout' });
    const during = count();
    const text = new TextEncoder().encode('to stdout\\n');
    const at = log.reserve(2, text.length);
    log.bytes.set(text, at);
    log.commit(2, text.length);
    log.flush();
    log.stop();
    console.error(JSON.stringify([during > before, count() === before]));
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  await once(child, 'close');
  assert.equal(out, 'to stdout\n');
  assert.match(err, /\[true,true\]/);
});
