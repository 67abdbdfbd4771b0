// Goal: a failed call tells its name, number and the kernel's words. Method: real failures, and node's own table of
// errno numbers as referee for ours.

import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import * as errnos from './errno.ts';
import { check, EBADF, EINVAL, errnoName, errnoText, SysError } from './errno.ts';
import { lastErrno } from './ffi.ts';
import * as libc from './libc.ts';

test('every errno has the number and the name that node knows', () => {
  let compared = 0;
  for (const [name, value] of Object.entries(errnos)) {
    if (typeof value !== 'number') continue;
    assert.equal(errnoName(value), name);
    const known = (constants.errno as Record<string, number>)[name];
    if (known === undefined) continue;
    assert.equal(value, known, name);
    compared++;
  }
  assert.ok(compared > 20, `only ${compared} were compared`);
  assert.equal(errnoName(200), 'errno 200');
});

test('errno texts are those of strerror', () => {
  assert.equal(errnoText(98), 'Address already in use');
  assert.equal(errnoText(1), 'Operation not permitted');
});

test('a failed call is a SysError with all that is needed to understand it', () => {
  assert.equal(check('close', 3), 3);
  assert.equal(check('close', 0), 0);
  assert.throws(
    () => check('close', libc.close(-1)),
    (error) =>
      error instanceof SysError &&
      error.syscall === 'close' &&
      error.errno === EBADF &&
      error.code === 'EBADF' &&
      error.message === 'close: Bad file descriptor (EBADF)',
  );
});

test('errno is that of the last native call, also after a success in between', () => {
  assert.equal(libc.eventfd(0, -1), -1);
  assert.equal(lastErrno(), EINVAL);
});
