// Goal: everyone gets an engine that works, and whoever asked for one by name gets that or a clear refusal.
// Method: the real kernel, and set-ups that fail the way kernels and containers refuse.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { EINVAL, ENOSYS, EPERM, SysError } from '../sys/errno.ts';
import { Buffers } from './buffers.ts';
import { EngineRefused, makeEngine } from './choose.ts';
import type { Engine } from './engine.ts';
import { EpollEngine } from './epoll.ts';

const sizes = { slotCount: 16, dataBytes: 4000, staticBytes: 4096 };
const refuse = (errno: number) => (): Engine => {
  throw new SysError('io_uring_setup', errno);
};

// An engine whose receive is not multishot: it ends after its first bytes, as before Linux 6.0.
class OneShotEngine extends EpollEngine {
  override next(): boolean {
    if (!super.next()) return false;
    this.more = false;
    return true;
  }
}

test('without a wish one gets io_uring where it works, else epoll with the reason', () => {
  const buffers = new Buffers(sizes);
  const { engine, reason } = makeEngine('', buffers);
  if (engine.name === 'uring') assert.match(reason, /works/);
  else assert.match(reason, /io_uring cannot be used here: .+/);
  engine.stop();
  assert.equal(buffers.freeCount, sizes.slotCount);
});

test('epoll asked for by name is given without a look at io_uring', () => {
  const { engine, reason } = makeEngine('epoll', new Buffers(sizes), -1, () => assert.fail('io_uring was tried'));
  assert.equal(engine.name, 'epoll');
  assert.equal(reason, 'asked for');
  engine.stop();
});

test('a refused io_uring gives epoll and the kernel words for the log', () => {
  for (const [errno, words] of [
    [EPERM, /Operation not permitted \(EPERM\); a seccomp profile/],
    [ENOSYS, /\(ENOSYS\); this kernel has none/],
    [EINVAL, /\(EINVAL\); it takes Linux 6\.1/],
  ] as const) {
    const { engine, reason } = makeEngine('', new Buffers(sizes), -1, refuse(errno));
    assert.equal(engine.name, 'epoll');
    assert.match(reason, words);
    engine.stop();
  }
});

test('io_uring asked for by name and refused is an error, not another engine', () => {
  assert.throws(
    () => makeEngine('uring', new Buffers(sizes), -1, refuse(EPERM)),
    (error) => error instanceof EngineRefused && /cannot be used here: io_uring_setup/.test(error.message),
  );
});

test('a kernel whose receive does not stay armed is found out, and nothing of the trial is left', () => {
  const buffers = new Buffers(sizes);
  const fdCount = readdirSync('/proc/self/fd').length;
  const { engine, reason } = makeEngine('', buffers, -1, (own) => new OneShotEngine(own));
  assert.match(reason, /multishot receive: Invalid argument/);
  engine.stop();
  assert.equal(buffers.freeCount, sizes.slotCount);
  assert.equal(readdirSync('/proc/self/fd').length, fdCount);
});
