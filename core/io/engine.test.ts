// Goal: one contract (core/io/engine.ts), whatever stands behind it. Method: the same sentences are proved for
// every engine that this kernel lets us have, over real loopback sockets. The peers are plain non-blocking sockets
// of the same thread; the wait is always on a condition, with a deadline that only a failure reaches.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import * as abi from '../sys/abi.ts';
import {
  check,
  EAGAIN,
  EBADF,
  ECANCELED,
  ECONNREFUSED,
  ECONNRESET,
  EMFILE,
  ENOBUFS,
  EPIPE,
  SysError,
} from '../sys/errno.ts';
import { lastErrno } from '../sys/ffi.ts';
import * as libc from '../sys/libc.ts';
import { encodeInet, encodeUnixAbstract } from '../sys/sockaddr.ts';
import { bindAndListen, closeFd, localAddress, openSocket, setLinger, setOption } from '../sys/socket.ts';
import { Buffers } from './buffers.ts';
import {
  type Engine,
  type EngineName,
  GROUP_BACK,
  GROUP_FRONT,
  NO_BUFFER,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
} from './engine.ts';
import { EpollEngine } from './epoll.ts';
import { UringEngine } from './uring.ts';

const WAIT_MS_MAX = 15_000;

interface Completion {
  ticket: number;
  high: number;
  result: number;
  bufferId: number;
  more: boolean;
}

// One engine, every completion it ever gave, and all the fds to close at the end.
class Rig {
  readonly engine: Engine;
  readonly buffers: Buffers;
  readonly seen: Completion[] = [];
  readonly fds = new Set<number>();
  readonly fdsBefore = openFds();
  readonly freeBefore: number;
  expectsQuiet = true; // the sentence saw the last completion of all it armed
  private taken = 0;

  constructor(name: EngineName, slotCount = 256, dataBytes = 4000) {
    this.buffers = new Buffers({ slotCount, dataBytes, staticBytes: 64 * 1024 });
    this.freeBefore = this.buffers.freeCount;
    this.engine = name === 'uring' ? new UringEngine(this.buffers) : new EpollEngine(this.buffers);
  }

  turn(timeoutMs: number): void {
    const engine = this.engine;
    engine.turn(timeoutMs);
    while (engine.next()) {
      this.seen.push({
        ticket: engine.ticketLow,
        high: engine.ticketHigh,
        result: engine.result,
        bufferId: engine.bufferId,
        more: engine.more,
      });
    }
  }

  until(what: string, done: () => boolean): void {
    const deadline = performance.now() + WAIT_MS_MAX;
    while (!done()) {
      assert.ok(performance.now() < deadline, `${what} did not come; seen ${JSON.stringify(this.seen.slice(-5))}`);
      this.turn(1); // short: many conditions are about the peers, which no turn waits for
    }
  }

  of(ticket: number): Completion[] {
    return this.seen.filter((completion) => completion.ticket === ticket);
  }

  last(ticket: number): Completion {
    this.until(`a completion of ${ticket}`, () => this.of(ticket).length > 0);
    return this.of(ticket).at(-1)!;
  }

  /** The next completion not returned by `step` before. */
  step(): Completion {
    this.until('one more completion', () => this.seen.length > this.taken);
    return this.seen[this.taken++]!;
  }

  /** Waits for the completion that ends the operation. */
  ended(ticket: number): Completion {
    this.until(`the end of ${ticket}`, () => this.of(ticket).some((completion) => !completion.more));
    const ends = this.of(ticket).filter((completion) => !completion.more);
    assert.equal(ends.length, 1, `operation ${ticket} ended ${ends.length} times`);
    return ends[0]!;
  }

  track(fd: number): number {
    this.fds.add(fd);
    return fd;
  }

  /** Closes a peer at once, without the engine. */
  closePeer(fd: number): void {
    this.fds.delete(fd);
    closeFd(fd);
  }

  /** Closes through the engine. */
  close(fd: number): void {
    assert.ok(this.fds.delete(fd));
    this.engine.close(fd);
  }

  listen(): { fd: number; port: number } {
    const fd = this.track(openSocket(abi.AF_INET, abi.SOCK_STREAM));
    setOption(fd, abi.SOL_SOCKET, abi.SO_REUSEADDR, 1);
    bindAndListen(fd, encodeInet('127.0.0.1', 0), 4096);
    return { fd, port: localAddress(fd).port };
  }

  dial(port: number): number {
    const fd = this.track(openSocket(abi.AF_INET, abi.SOCK_STREAM));
    const sockaddr = encodeInet('127.0.0.1', port);
    const result = libc.connect(fd, sockaddr, sockaddr.length);
    assert.ok(result === 0 || lastErrno() === 115, 'connect started');
    return fd;
  }

  /** A connected pair: `own` for the engine, `peer` for the test. */
  pair(): { own: number; peer: number } {
    const listener = this.listen();
    const peer = this.dial(listener.port);
    const own = this.track(acceptNow(listener.fd));
    this.closePeer(listener.fd);
    return { own, peer };
  }

  /** Text at a static offset of the arena. */
  place(text: string): number {
    return this.buffers.placeStatic(new TextEncoder().encode(text));
  }

  text(completion: Completion): string {
    assert.ok(completion.result > 0 && completion.bufferId !== NO_BUFFER, 'a completion with bytes');
    const offset = this.buffers.dataOffset(completion.bufferId);
    const text = new TextDecoder().decode(this.buffers.bytes.slice(offset, offset + completion.result));
    this.buffers.release(completion.bufferId);
    return text;
  }

  finish(): void {
    for (const fd of this.fds) closeFd(fd);
    if (this.expectsQuiet) {
      this.engine.turn(0);
      while (this.engine.next()) assert.fail(`a completion after the end: ${this.engine.ticketLow}`);
    }
    this.engine.stop();
    assert.equal(this.buffers.freeCount, this.freeBefore, 'buffers did not all come home');
    assert.deepEqual(openFds(), this.fdsBefore, 'fds leaked');
  }
}

function openFds(): string[] {
  // readdir itself holds one fd while it reads: the highest number, gone when it returns.
  return readdirSync('/proc/self/fd')
    .filter((name) => libc.fcntl(Number(name), abi.F_GETFD, 0) >= 0)
    .sort();
}

function acceptNow(fd: number): number {
  const deadline = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const accepted = libc.accept4(fd, null, null, abi.SOCK_NONBLOCK | abi.SOCK_CLOEXEC);
    if (accepted >= 0) return accepted;
    if (lastErrno() !== EAGAIN || performance.now() > deadline) throw new SysError('accept4', lastErrno());
  }
}

const scratch = new Uint8Array(1 << 20);

function writePeer(fd: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  assert.equal(libc.write(fd, bytes, bytes.length), bytes.length);
}

/** Bytes read now: 0 at end of stream, -errno when none. */
function readPeer(fd: number, length = scratch.length): number {
  const result = libc.read(fd, scratch, length);
  return result < 0 ? -lastErrno() : result;
}

function readPeerText(rig: Rig, fd: number, length: number): string {
  let text = '';
  rig.until(`${length} bytes at the peer`, () => {
    const result = readPeer(fd, length - text.length);
    if (result > 0) text += new TextDecoder().decode(scratch.subarray(0, result));
    return text.length === length;
  });
  return text;
}

function engineRefusal(name: EngineName): string | false {
  try {
    const rig = new Rig(name, 8);
    rig.finish();
    return false;
  } catch (error) {
    if (error instanceof SysError) return `this kernel refuses it: ${error.message}`;
    throw error;
  }
}

for (const name of ['uring', 'epoll'] as const) {
  const skip = engineRefusal(name);
  const sentence = (text: string, run: (rig: Rig) => void, slotCount?: number, dataBytes?: number): void => {
    test(`${name}: ${text}`, { skip }, () => {
      const rig = new Rig(name, slotCount, dataBytes);
      run(rig);
      rig.finish();
    });
  };

  sentence('one accept takes every connection, until it is cancelled', (rig) => {
    const listener = rig.listen();
    rig.engine.acceptArm(listener.fd, 7, -3);
    for (let count = 0; count < 200; count++) rig.dial(listener.port);
    rig.until('200 connections', () => rig.of(7).length === 200);
    for (const completion of rig.of(7)) {
      assert.ok(completion.result > 2);
      assert.equal(completion.high, -3);
      assert.equal(completion.more, true);
      assert.equal(completion.bufferId, NO_BUFFER);
      const flags = libc.fcntl(rig.track(completion.result), abi.F_GETFL, 0);
      assert.ok(flags & abi.O_NONBLOCK, 'an accepted socket is non-blocking');
      assert.equal(libc.fcntl(completion.result, abi.F_GETFD, 0), abi.FD_CLOEXEC);
    }
    rig.engine.cancel(listener.fd, 7, -3);
    assert.equal(rig.ended(7).result, -ECANCELED);
    rig.dial(listener.port);
    rig.turn(5);
    rig.turn(0);
    assert.equal(rig.of(7).length, 201, 'a cancelled accept takes no more');
    rig.engine.acceptArm(listener.fd, 8, 0);
    rig.track(rig.last(8).result);
    rig.engine.cancel(listener.fd, 8, 0);
    rig.ended(8);
  });

  sentence('an accept that finds no fd left ends and takes the waiting connection when armed again', (rig) => {
    const listener = rig.listen();
    rig.dial(listener.port);
    const limits = new BigUint64Array(2);
    check('getrlimit', libc.getrlimit(abi.RLIMIT_NOFILE, limits));
    const lowered = new BigUint64Array([BigInt(Math.max(...openFds().map(Number)) + 1), limits[1]!]);
    check('setrlimit', libc.setrlimit(abi.RLIMIT_NOFILE, lowered));
    const fillers: number[] = [];
    try {
      for (let fd = 0; fd >= 0; ) {
        fd = libc.socket(abi.AF_INET, abi.SOCK_STREAM, 0);
        if (fd >= 0) fillers.push(fd);
      }
      rig.engine.acceptArm(listener.fd, 1, 0);
      assert.equal(rig.ended(1).result, -EMFILE);
    } finally {
      check('setrlimit', libc.setrlimit(abi.RLIMIT_NOFILE, limits));
      for (const fd of fillers) closeFd(fd);
    }
    rig.engine.acceptArm(listener.fd, 2, 0);
    rig.track(rig.last(2).result);
    rig.engine.cancel(listener.fd, 2, 0);
    rig.ended(2);
  });

  sentence('received bytes come in buffers, then the end of the stream', (rig) => {
    const { own, peer } = rig.pair();
    rig.engine.recvArm(own, GROUP_FRONT, 1, 11);
    writePeer(peer, 'hello');
    const first = rig.step();
    assert.equal(first.more, true);
    assert.equal(first.high, 11);
    assert.equal(rig.text(first), 'hello');
    writePeer(peer, 'again');
    assert.equal(rig.text(rig.step()), 'again');
    check('shutdown', libc.shutdown(peer, abi.SHUT_WR));
    const end = rig.step();
    assert.deepEqual(end, { ticket: 1, high: 11, result: 0, bufferId: NO_BUFFER, more: false });
  });

  sentence('bytes and the end that arrived before the receive was armed are both seen', (rig) => {
    const { own, peer } = rig.pair();
    writePeer(peer, 'early');
    rig.closePeer(peer);
    rig.engine.recvArm(own, GROUP_BACK, 1, 0);
    assert.equal(rig.text(rig.step()), 'early');
    assert.equal(rig.ended(1).result, 0);
  });

  sentence('a receive for once is over with its first bytes and leaves the rest to the next', (rig) => {
    const { own, peer } = rig.pair();
    let sent = '';
    for (let index = 0; sent.length < rig.buffers.dataBytes + 10; index++) sent += `${index},`;
    writePeer(peer, sent);
    let got = '';
    for (let ticket = 1; got.length < sent.length; ticket++) {
      rig.engine.recvOnce(own, GROUP_BACK, 1000, ticket, 0);
      const completion = rig.step();
      assert.ok(completion.result <= 1000, 'no more than asked for');
      assert.equal(completion.ticket, ticket);
      assert.equal(completion.more, false);
      got += rig.text(completion);
    }
    assert.equal(got, sent);
    rig.engine.recvOnce(own, GROUP_BACK, 1 << 20, 90, 0);
    writePeer(peer, 'late');
    assert.equal(rig.text(rig.step()), 'late');
    rig.engine.recvOnce(own, GROUP_FRONT, 100, 91, 0);
    rig.engine.cancel(own, 91, 0);
    assert.equal(rig.ended(91).result, -ECANCELED);
    rig.closePeer(peer);
    rig.engine.recvOnce(own, GROUP_FRONT, 100, 92, 0);
    assert.equal(rig.ended(92).result, 0);
  });

  sentence('a message larger than a buffer arrives in order in several', (rig) => {
    const { own, peer } = rig.pair();
    rig.engine.recvArm(own, GROUP_FRONT, 1, 0);
    let sent = '';
    for (let index = 0; sent.length < 60_000; index++) sent += `${index},`;
    writePeer(peer, sent);
    let got = '';
    while (got.length < sent.length) {
      const completion = rig.step();
      assert.ok(completion.result <= rig.buffers.dataBytes);
      got += rig.text(completion);
    }
    assert.equal(got, sent);
    rig.engine.cancel(own, 1, 0);
    assert.equal(rig.ended(1).result, -ECANCELED);
  });

  sentence('a connection reset while receiving is ECONNRESET', (rig) => {
    const { own, peer } = rig.pair();
    rig.engine.recvArm(own, GROUP_FRONT, 1, 0);
    rig.turn(0);
    setLinger(peer, 0);
    rig.closePeer(peer);
    const end = rig.ended(1);
    assert.equal(end.result, -ECONNRESET);
    assert.equal(end.bufferId, NO_BUFFER);
  });

  sentence(
    'ten mebibytes to a slow reader complete once, when all went out',
    (rig) => {
      const { own, peer } = rig.pair();
      const length = 10 << 20;
      const offset = rig.buffers.slotOffset(0);
      const bytes = rig.buffers.bytes;
      for (let index = 0; index < length; index += 4096) bytes[offset + index] = (index >> 12) & 255;
      rig.engine.send(own, offset, length, 0, 5, 6);
      let got = 0;
      let wrong = 0;
      rig.until('ten mebibytes', () => {
        assert.ok(rig.of(5).length === 0 || got > 0, 'complete though nothing was read');
        const result = readPeer(peer, 100_000);
        assert.ok(result > 0 || result === -EAGAIN, `read gave ${result}`);
        for (let at = 0; at < result; at++) {
          const index = got + at;
          const expected = index % 4096 === 0 ? (index >> 12) & 255 : 0;
          if (scratch[at] !== expected) wrong++;
        }
        if (result > 0) got += result;
        return got === length;
      });
      assert.equal(wrong, 0);
      assert.deepEqual(rig.ended(5), { ticket: 5, high: 6, result: length, bufferId: NO_BUFFER, more: false });
      assert.equal(rig.seen.length, 1);
    },
    2600,
  );

  sentence('small sends in one turn each complete with their length', (rig) => {
    const { own, peer } = rig.pair();
    const head = rig.place('head ');
    const body = rig.place('body');
    rig.engine.send(own, head, 5, abi.MSG_MORE, 1, 0);
    rig.engine.send(own, body, 4, 0, 2, 0);
    assert.equal(rig.ended(1).result, 5);
    assert.equal(rig.ended(2).result, 4);
    assert.equal(readPeerText(rig, peer, 9), 'head body');
  });

  sentence('a send to a peer that is gone fails and raises no signal', (rig) => {
    const { own, peer } = rig.pair();
    setLinger(peer, 0);
    rig.closePeer(peer);
    const offset = rig.place('x');
    rig.engine.send(own, offset, 1, 0, 1, 0);
    const first = rig.ended(1).result;
    assert.ok(first === -ECONNRESET || first === -EPIPE, `first gave ${first}`);
    rig.engine.send(own, offset, 1, 0, 2, 0);
    assert.equal(rig.ended(2).result, -EPIPE);
  });

  sentence(
    'a send that waits for room fails when the peer resets',
    (rig) => {
      const { own, peer } = rig.pair();
      rig.engine.send(own, rig.buffers.slotOffset(0), 10 << 20, 0, 1, 0);
      rig.turn(0);
      rig.turn(0);
      assert.equal(rig.of(1).length, 0);
      setLinger(peer, 0);
      rig.closePeer(peer);
      const result = rig.ended(1).result;
      // The kernel may tell how much had gone before the error: less than all, then the next send tells the error.
      assert.ok(result === -ECONNRESET || result === -EPIPE || (result > 0 && result < 10 << 20), `gave ${result}`);
      rig.engine.send(own, rig.buffers.slotOffset(0), 1, 0, 2, 0);
      assert.ok(rig.ended(2).result < 0);
    },
    2600,
  );

  sentence('a connect completes with 0 and its socket carries bytes both ways', (rig) => {
    const listener = rig.listen();
    const own = rig.track(openSocket(abi.AF_INET, abi.SOCK_STREAM));
    const sockaddr = encodeInet('127.0.0.1', listener.port);
    const offset = rig.buffers.placeStatic(sockaddr);
    rig.engine.connect(own, offset, sockaddr.length, 1, 9);
    assert.deepEqual(rig.step(), { ticket: 1, high: 9, result: 0, bufferId: NO_BUFFER, more: false });
    const peer = rig.track(acceptNow(listener.fd));
    rig.engine.recvArm(own, GROUP_BACK, 2, 9);
    rig.engine.send(own, rig.place('ping'), 4, 0, 3, 9);
    assert.equal(rig.ended(3).result, 4);
    assert.equal(readPeerText(rig, peer, 4), 'ping');
    writePeer(peer, 'pong');
    rig.until('pong', () => rig.of(2).length === 1);
    assert.equal(rig.text(rig.last(2)), 'pong');
    rig.closePeer(peer);
    assert.equal(rig.ended(2).result, 0);
  });

  sentence('a connect to a closed port is refused', (rig) => {
    const listener = rig.listen();
    rig.closePeer(listener.fd);
    const own = rig.track(openSocket(abi.AF_INET, abi.SOCK_STREAM));
    const sockaddr = encodeInet('127.0.0.1', listener.port);
    rig.engine.connect(own, rig.buffers.placeStatic(sockaddr), sockaddr.length, 1, 0);
    assert.equal(rig.ended(1).result, -ECONNREFUSED);
  });

  sentence('a connect to an abstract unix socket works, and one to nobody is refused', (rig) => {
    const address = encodeUnixAbstract(`weir-engine-test-${process.pid}-${name}`, false);
    const listener = rig.track(openSocket(abi.AF_UNIX, abi.SOCK_STREAM));
    bindAndListen(listener, address, 8);
    const own = rig.track(openSocket(abi.AF_UNIX, abi.SOCK_STREAM));
    const offset = rig.buffers.placeStatic(address);
    rig.engine.acceptArm(listener, 2, 0);
    rig.engine.connect(own, offset, address.length, 1, 0);
    assert.equal(rig.ended(1).result, 0);
    rig.track(rig.last(2).result);
    rig.engine.cancel(listener, 2, 0);
    rig.ended(2);
    rig.close(listener);
    rig.turn(0);
    const second = rig.track(openSocket(abi.AF_UNIX, abi.SOCK_STREAM));
    rig.engine.connect(second, offset, address.length, 3, 0);
    assert.equal(rig.ended(3).result, -ECONNREFUSED);
  });

  sentence(
    'each kind of operation that waits can be cancelled, and completes with ECANCELED',
    (rig) => {
      const listener = rig.listen();
      rig.engine.acceptArm(listener.fd, 1, 0);
      const receiving = rig.pair();
      rig.engine.recvArm(receiving.own, GROUP_FRONT, 2, 0);
      const polled = rig.pair();
      rig.engine.pollArm(polled.own, POLLIN, 3, 0);
      // A connect that waits: the unix listener's queue is full, or a TCP listener's, whose SYN is then dropped.
      const full = rig.track(openSocket(abi.AF_INET, abi.SOCK_STREAM));
      bindAndListen(full, encodeInet('127.0.0.1', 0), 0);
      const fullPort = localAddress(full).port;
      for (let count = 0; count < 3; count++) rig.dial(fullPort);
      const connecting = rig.track(openSocket(abi.AF_INET, abi.SOCK_STREAM));
      const sockaddr = encodeInet('127.0.0.1', fullPort);
      rig.engine.connect(connecting, rig.buffers.placeStatic(sockaddr), sockaddr.length, 4, 0);
      const sending = rig.pair();
      rig.engine.send(sending.own, rig.buffers.slotOffset(0), 10 << 20, 0, 5, 0);
      rig.turn(0);
      rig.turn(5);
      assert.equal(rig.seen.length, 0, `something did not wait: ${JSON.stringify(rig.seen)}`);
      rig.engine.cancel(listener.fd, 1, 0);
      rig.engine.cancel(receiving.own, 2, 0);
      rig.engine.cancel(polled.own, 3, 0);
      rig.engine.cancel(connecting, 4, 0);
      rig.engine.cancel(sending.own, 5, 0);
      for (let ticket = 1; ticket <= 4; ticket++) assert.equal(rig.ended(ticket).result, -ECANCELED, `of ${ticket}`);
      const sent = rig.ended(5).result;
      assert.ok(sent === -ECANCELED || (sent > 0 && sent < 10 << 20), `send gave ${sent}`);
      // Life goes on with each fd.
      rig.engine.recvArm(receiving.own, GROUP_FRONT, 6, 0);
      writePeer(receiving.peer, 'still here');
      assert.equal(rig.text(rig.last(6)), 'still here');
      rig.engine.cancel(receiving.own, 6, 0);
      rig.ended(6);
    },
    2600,
  );

  sentence('cancelling what has ended already is silent', (rig) => {
    const { own, peer } = rig.pair();
    rig.engine.recvArm(own, GROUP_FRONT, 1, 0);
    rig.closePeer(peer);
    assert.equal(rig.ended(1).result, 0);
    rig.engine.cancel(own, 1, 0);
    rig.engine.cancel(own, 99, 99);
    rig.turn(5);
    rig.turn(0);
    assert.equal(rig.seen.length, 1);
  });

  sentence('a cancel in the turn that armed it still completes the operation once', (rig) => {
    const { own } = rig.pair();
    rig.engine.recvArm(own, GROUP_FRONT, 1, 0);
    rig.engine.cancel(own, 1, 0);
    rig.engine.pollArm(own, POLLIN, 2, 0);
    rig.engine.cancel(own, 2, 0);
    assert.equal(rig.ended(1).result, -ECANCELED);
    assert.equal(rig.ended(2).result, -ECANCELED);
    rig.turn(0);
    assert.equal(rig.seen.length, 2);
  });

  sentence('bytes that arrive while nothing is armed wait for the next receive', (rig) => {
    const { own, peer } = rig.pair();
    rig.engine.recvArm(own, GROUP_FRONT, 1, 0);
    writePeer(peer, 'one');
    assert.equal(rig.text(rig.step()), 'one');
    rig.engine.cancel(own, 1, 0);
    rig.ended(1);
    writePeer(peer, 'two');
    rig.turn(5);
    rig.turn(0);
    assert.equal(rig.seen.length, 2);
    rig.engine.recvArm(own, GROUP_FRONT, 2, 0);
    assert.equal(rig.text(rig.last(2)), 'two');
    rig.engine.cancel(own, 2, 0);
    rig.ended(2);
  });

  sentence('a closed fd whose number returns never brings old completions under a new ticket', (rig) => {
    const listener = rig.listen();
    rig.engine.acceptArm(listener.fd, 1, 0);
    let reuseCount = 0;
    let number = -1;
    for (let round = 0; round < 50; round++) {
      const peer = rig.dial(listener.port);
      rig.until('the connection', () => rig.of(1).length === round + 1);
      const own = rig.track(rig.of(1)[round]!.result);
      if (own === number) reuseCount++;
      number = own;
      const ticket = 100 + round;
      rig.engine.recvArm(own, GROUP_FRONT, ticket, round);
      writePeer(peer, `round ${round}`);
      rig.until('the bytes', () => rig.of(ticket).length === 1);
      assert.equal(rig.text(rig.of(ticket)[0]!), `round ${round}`);
      if (round % 2 === 0) {
        writePeer(peer, 'late'); // arrives between the cancel and its completion, or never
        rig.engine.cancel(own, ticket, round);
      } else {
        check('shutdown', libc.shutdown(peer, abi.SHUT_WR));
      }
      rig.ended(ticket);
      for (const completion of rig.of(ticket).slice(1)) if (completion.bufferId >= 0) rig.text(completion);
      rig.close(own);
      rig.turn(0);
      rig.closePeer(peer);
      assert.equal(libc.fcntl(own, abi.F_GETFD, 0), -1, 'closed after the turn');
    }
    assert.ok(reuseCount > 10, `the kernel reused the number ${reuseCount} times only`);
    rig.engine.cancel(listener.fd, 1, 0);
    rig.ended(1);
  });

  sentence(
    'a receive without a free buffer is ENOBUFS and goes on when armed after buffers came home',
    (rig) => {
      const { own, peer } = rig.pair();
      const chunk = 'abcdefghij'.repeat(20_000);
      rig.engine.recvArm(own, GROUP_BACK, 1, 0);
      writePeer(peer, chunk);
      let got = '';
      let dryCount = 0;
      let handled = 0;
      rig.until('everything', () => {
        const ended = rig.seen.slice(handled).some((completion) => !completion.more);
        if (!ended) return false;
        for (; handled < rig.seen.length; handled++) {
          const completion = rig.seen[handled]!;
          if (completion.result > 0) got += rig.text(completion);
          else {
            assert.equal(completion.result, -ENOBUFS);
            assert.equal(completion.bufferId, NO_BUFFER);
            dryCount++;
          }
        }
        if (got.length > chunk.length - 8 * rig.buffers.dataBytes) return true;
        rig.engine.recvArm(own, GROUP_BACK, 1, 0);
        return false;
      });
      assert.ok(dryCount >= 1, 'the buffers never ran dry');
      rig.engine.recvArm(own, GROUP_BACK, 2, 0);
      while (got.length < chunk.length) {
        rig.until('more', () => rig.seen.length > handled);
        const completion = rig.seen[handled++]!;
        if (completion.result > 0) got += rig.text(completion);
        else rig.engine.recvArm(own, GROUP_BACK, 2, 0);
      }
      assert.equal(got, chunk);
      rig.engine.cancel(own, 2, 0);
      rig.until('the cancel', () => rig.seen.at(-1)!.result === -ECANCELED);
    },
    8,
  );

  sentence(
    'the front cannot take the last buffers, which answer it',
    (rig) => {
      const front = rig.pair();
      const back = rig.pair();
      rig.engine.recvArm(front.own, GROUP_FRONT, 1, 0);
      for (let count = 0; count < 8; count++) writePeer(front.peer, 'x'.repeat(20_000));
      assert.equal(rig.ended(1).result, -ENOBUFS);
      rig.engine.recvArm(back.own, GROUP_BACK, 2, 0);
      writePeer(back.peer, 'the answer');
      rig.until('the answer', () => rig.of(2).length > 0);
      assert.equal(rig.text(rig.of(2)[0]!), 'the answer');
      for (const completion of rig.of(1)) if (completion.result > 0) rig.text(completion);
      rig.engine.cancel(back.own, 2, 0);
      rig.ended(2);
    },
    16,
  );

  sentence('poll tells what is true, once, for as often as it is armed', (rig) => {
    const { own, peer } = rig.pair();
    rig.engine.pollArm(own, POLLOUT, 1, 0);
    assert.equal(rig.ended(1).result & POLLOUT, POLLOUT);
    rig.engine.pollArm(own, POLLIN | POLLRDHUP, 2, 0);
    rig.turn(5);
    assert.equal(rig.of(2).length, 0);
    writePeer(peer, 'abc');
    assert.equal(rig.ended(2).result, POLLIN);
    rig.turn(0);
    assert.equal(rig.of(2).length, 1);
    // The bytes are still there: armed again, it is true at once, and again after a part was read.
    rig.engine.pollArm(own, POLLIN, 3, 0);
    assert.equal(rig.ended(3).result, POLLIN);
    assert.equal(readPeer(own, 1), 1);
    rig.engine.pollArm(own, POLLIN, 4, 0);
    assert.equal(rig.ended(4).result, POLLIN);
    assert.equal(readPeer(own), 2);
    // Two waits on one fd, one for each direction, do not disturb each other.
    rig.engine.pollArm(own, POLLIN | POLLRDHUP, 5, 0);
    rig.engine.pollArm(own, POLLOUT, 6, 0);
    assert.equal(rig.ended(6).result & POLLOUT, POLLOUT);
    assert.equal(rig.of(5).length, 0);
    rig.closePeer(peer);
    assert.equal(rig.ended(5).result & POLLRDHUP, POLLRDHUP);
    const { own: resetOwn, peer: resetPeer } = rig.pair();
    rig.engine.pollArm(resetOwn, POLLIN, 7, 0);
    setLinger(resetPeer, 0);
    rig.closePeer(resetPeer);
    assert.equal(rig.ended(7).result & POLLHUP, POLLHUP);
  });

  sentence('splice moves bytes between sockets on poll readiness', (rig) => {
    const from = rig.pair();
    const to = rig.pair();
    const pipe = new Int32Array(32);
    check('pipe2', libc.pipe2(pipe, abi.O_NONBLOCK | abi.O_CLOEXEC));
    const pipeOut = rig.track(pipe[0]!);
    const pipeIn = rig.track(pipe[1]!);
    const flags = abi.SPLICE_F_MOVE | abi.SPLICE_F_NONBLOCK;
    const total = 2 << 20;
    let written = 0;
    let inPipe = 0;
    let read = 0;
    let readTicket = 0;
    let writeTicket = 0;
    let ticket = 1;
    const chunk = new Uint8Array(50_000).fill(7);
    rig.until('two mebibytes', () => {
      if (written < total) {
        const result = libc.write(from.peer, chunk, Math.min(chunk.length, total - written));
        if (result > 0) written += result;
      }
      if (readTicket === 0 && inPipe === 0) {
        readTicket = ticket++;
        rig.engine.pollArm(from.own, POLLIN, readTicket, 0);
      }
      if (writeTicket === 0 && inPipe > 0) {
        writeTicket = ticket++;
        rig.engine.pollArm(to.own, POLLOUT, writeTicket, 0);
      }
      rig.turn(1);
      for (const completion of rig.seen.splice(0)) {
        assert.ok(completion.result > 0);
        if (completion.ticket === readTicket) {
          readTicket = 0;
          const moved = libc.splice(from.own, 0, pipeIn, 0, 30_000, flags);
          if (moved > 0) inPipe += moved;
        } else if (completion.ticket === writeTicket) {
          writeTicket = 0;
          const moved = libc.splice(pipeOut, 0, to.own, 0, inPipe, flags);
          if (moved > 0) inPipe -= moved;
        }
      }
      const result = readPeer(to.peer);
      for (let at = 0; at < result; at++) if (scratch[at] !== 7) assert.fail('a byte changed on its way');
      if (result > 0) read += result;
      return read === total;
    });
    if (readTicket !== 0) {
      rig.engine.cancel(from.own, readTicket, 0);
      rig.ended(readTicket);
    }
  });

  sentence('shutdown is silent and the peer sees the end after the bytes', (rig) => {
    const { own, peer } = rig.pair();
    rig.engine.recvArm(own, GROUP_FRONT, 2, 0);
    rig.engine.send(own, rig.place('bye'), 3, 0, 1, 0);
    assert.equal(rig.ended(1).result, 3);
    rig.engine.shutdown(own, abi.SHUT_WR);
    rig.turn(0);
    assert.equal(readPeerText(rig, peer, 3), 'bye');
    rig.until('the end', () => readPeer(peer) === 0);
    writePeer(peer, 'half open');
    assert.equal(rig.text(rig.last(2)), 'half open');
    rig.closePeer(peer);
    assert.equal(rig.ended(2).result, 0);
    rig.engine.shutdown(own, abi.SHUT_RDWR);
    rig.engine.shutdown(own, abi.SHUT_RDWR);
    rig.turn(0);
    assert.deepEqual(
      rig.seen.map((completion) => completion.ticket),
      [1, 2, 2],
    );
  });

  sentence('a shutdown of our own ends an armed receive', (rig) => {
    const { own } = rig.pair();
    rig.engine.recvArm(own, GROUP_FRONT, 1, 0);
    rig.turn(0);
    rig.engine.shutdown(own, abi.SHUT_RDWR);
    assert.equal(rig.ended(1).result, 0);
  });

  sentence('an operation on an fd that is not open is EBADF', (rig) => {
    const fd = openSocket(abi.AF_INET, abi.SOCK_STREAM);
    closeFd(fd);
    rig.engine.recvArm(fd, GROUP_FRONT, 1, 0);
    rig.engine.acceptArm(fd, 2, 0);
    rig.engine.pollArm(fd, POLLIN, 3, 0);
    rig.engine.send(fd, 0, 1, 0, 4, 0);
    rig.engine.connect(fd, 0, 16, 5, 0);
    for (let ticket = 1; ticket <= 5; ticket++) assert.equal(rig.ended(ticket).result, -EBADF, `of ${ticket}`);
  });

  sentence('a turn ends in time: at once with 0, and after its timeout otherwise', (rig) => {
    const idle = rig.pair();
    rig.engine.recvArm(idle.own, GROUP_FRONT, 1, 0);
    rig.turn(0);
    let begin = performance.now();
    rig.turn(0);
    assert.ok(performance.now() - begin < 50, 'a turn of 0 ms waited');
    for (const timeoutMs of [1, 20, 60]) {
      begin = performance.now();
      rig.turn(timeoutMs);
      const waited = performance.now() - begin;
      assert.ok(waited >= timeoutMs - 0.1, `a turn of ${timeoutMs} ms waited ${waited}`);
      assert.ok(waited < timeoutMs + 500, `a turn of ${timeoutMs} ms waited ${waited}`);
    }
    begin = performance.now();
    writePeer(idle.peer, 'x');
    rig.turn(4000);
    assert.ok(performance.now() - begin < 2000, 'the completion did not end the turn');
    assert.equal(rig.text(rig.step()), 'x');
    assert.equal(rig.engine.takeWoken(), false);
    rig.engine.cancel(idle.own, 1, 0);
    rig.ended(1);
  });

  sentence('a write to the wake fd ends a turn, once for each wake', (rig) => {
    rig.turn(0);
    assert.equal(rig.engine.takeWoken(), false);
    for (let round = 0; round < 3; round++) {
      check('eventfd_write', libc.eventfd_write(rig.engine.wakeFd, 1));
      const begin = performance.now();
      rig.turn(4000);
      assert.ok(performance.now() - begin < 2000);
      assert.equal(rig.engine.takeWoken(), true);
      assert.equal(rig.engine.takeWoken(), false);
      rig.turn(1);
      assert.equal(rig.engine.takeWoken(), false, 'one write woke two turns');
    }
    assert.equal(rig.seen.length, 0);
  });

  test(`${name}: another thread can end a turn`, { skip }, async () => {
    const shared = new Int32Array(new SharedArrayBuffer(4));
    const source = `
      const { parentPort, workerData } = require('node:worker_threads');
      import(workerData.libc).then((libc) => {
        parentPort.postMessage('ready');
        Atomics.wait(workerData.shared, 0, 0);
        Atomics.wait(workerData.shared, 0, 1, 20); // so that the turn has begun to wait
        libc.eventfd_write(workerData.fd, 1);
      });`;
    const rig = new Rig(name, 64);
    const workerData = { shared, fd: rig.engine.wakeFd, libc: new URL('../sys/libc.ts', import.meta.url).href };
    const worker = new Worker(source, { eval: true, workerData });
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    Atomics.store(shared, 0, 1);
    Atomics.notify(shared, 0);
    const begin = performance.now();
    rig.turn(4000);
    while (!rig.engine.takeWoken()) {
      assert.ok(performance.now() - begin < WAIT_MS_MAX, 'the wake did not come');
      rig.turn(100);
    }
    await exited;
    rig.engine.stop();
  });

  sentence('more operations in one turn than the submission ring holds all complete', (rig) => {
    const { own, peer } = rig.pair();
    const offset = rig.place('0123456789');
    const count = 5000;
    for (let index = 0; index < count; index++) rig.engine.send(own, offset + (index % 10), 1, 0, index + 1, 0);
    let text = '';
    rig.until('all sends', () => {
      const result = readPeer(peer);
      if (result > 0) text += new TextDecoder().decode(scratch.subarray(0, result));
      return rig.seen.length === count && text.length === count;
    });
    assert.equal(text, '0123456789'.repeat(count / 10));
    assert.ok(rig.seen.every((completion) => completion.result === 1 && !completion.more));
    assert.equal(new Set(rig.seen.map((completion) => completion.ticket)).size, count);
  });

  sentence('completions beyond what the completion ring holds are not lost', (rig) => {
    const { own } = rig.pair();
    const count = 20_000;
    for (let index = 0; index < count; index++) rig.engine.pollArm(own, POLLOUT, index + 1, 0);
    rig.until('all polls', () => rig.seen.length === count);
    assert.equal(new Set(rig.seen.map((completion) => completion.ticket)).size, count);
  });

  sentence('two thousand connections echo at once', (rig) => {
    const limits = new BigUint64Array(2);
    check('getrlimit', libc.getrlimit(abi.RLIMIT_NOFILE, limits));
    const count = Math.min(2000, Math.floor((Number(limits[0]) - 100) / 2));
    const listener = rig.listen();
    rig.engine.acceptArm(listener.fd, 1, 0);
    const peers: number[] = [];
    const replies = new Map<number, string>();
    let accepted = 0;
    let finished = 0;
    // Low words: 1 accept, then 10 + fd for a receive, 1_000_000 + fd for a send (high word: its buffer).
    const handle = (): void => {
      for (const completion of rig.seen.splice(0)) {
        if (completion.ticket === 1) {
          accepted++;
          rig.engine.recvArm(rig.track(completion.result), GROUP_FRONT, 10 + completion.result, 0);
        } else if (completion.ticket >= 1_000_000) {
          assert.ok(completion.result > 0, `send gave ${completion.result}`);
          rig.buffers.release(completion.high);
        } else if (completion.result > 0) {
          const offset = rig.buffers.dataOffset(completion.bufferId);
          const fd = completion.ticket - 10;
          rig.engine.send(fd, offset, completion.result, 0, 1_000_000 + fd, completion.bufferId);
          if (!completion.more) rig.engine.recvArm(fd, GROUP_FRONT, completion.ticket, 0);
        } else if (completion.result === -ENOBUFS) {
          rig.engine.recvArm(completion.ticket - 10, GROUP_FRONT, completion.ticket, 0);
        } else {
          assert.equal(completion.result, 0);
          rig.close(completion.ticket - 10);
          finished++;
        }
      }
    };
    for (let index = 0; index < count; index++) peers.push(rig.dial(listener.port));
    rig.until('all accepted', () => {
      handle();
      return accepted === count;
    });
    for (let round = 0; round < 3; round++) {
      for (const peer of peers) {
        replies.set(peer, '');
        writePeer(peer, `round ${round} of ${peer}`);
      }
      rig.until('all echoes', () => {
        handle();
        for (const [peer, text] of replies) {
          const result = readPeer(peer, 100);
          if (result > 0) replies.set(peer, text + new TextDecoder().decode(scratch.subarray(0, result)));
          if (replies.get(peer) === `round ${round} of ${peer}`) replies.delete(peer);
        }
        return replies.size === 0;
      });
    }
    for (const peer of peers) rig.closePeer(peer);
    rig.until('all ends', () => {
      handle();
      return finished === count;
    });
    rig.engine.cancel(listener.fd, 1, 0);
    rig.until('the end of accept', () => rig.seen.length > 0);
    assert.equal(rig.seen[0]!.result, -ECANCELED);
  });

  sentence('stop ends what is still armed, brings lent buffers home and closes the engine', (rig) => {
    const listener = rig.listen();
    rig.engine.acceptArm(listener.fd, 1, 0);
    const { own, peer } = rig.pair();
    rig.engine.recvArm(own, GROUP_BACK, 2, 0);
    rig.turn(0);
    writePeer(peer, 'never read');
    rig.engine.turn(5);
    rig.expectsQuiet = false;
  });

  sentence('one connection in a flood does not keep another waiting', (rig) => {
    const flood = rig.pair();
    const calm = rig.pair();
    rig.engine.recvArm(flood.own, GROUP_FRONT, 1, 0);
    rig.engine.recvArm(calm.own, GROUP_FRONT, 2, 0);
    rig.turn(0);
    const chunk = new Uint8Array(1 << 19);
    for (let round = 0; round < 20; round++) {
      libc.write(flood.peer, chunk, chunk.length);
      writePeer(calm.peer, 'calm');
      let turns = 0;
      rig.until('calm', () => {
        turns++;
        let calmSeen = false;
        for (const completion of rig.seen.splice(0)) {
          if (completion.ticket === 2) {
            calmSeen = true;
            assert.equal(rig.text(completion), 'calm');
          } else if (completion.result > 0) rig.buffers.release(completion.bufferId);
          if (!completion.more) rig.engine.recvArm(flood.own, GROUP_FRONT, 1, 0);
        }
        return calmSeen;
      });
      assert.ok(turns <= 6, `the calm one waited ${turns} turns`);
    }
    rig.engine.cancel(calm.own, 2, 0);
    rig.ended(2);
    rig.engine.cancel(flood.own, 1, 0);
    rig.until('the end', () => {
      const end = rig.seen.find((completion) => completion.ticket === 1 && !completion.more);
      for (const completion of rig.seen.splice(0)) if (completion.result > 0) rig.buffers.release(completion.bufferId);
      return end !== undefined;
    });
  });
}
