// Goal: mapped memory is what its address and length say. Method: the kernel writes through the address, we read
// through the view, and the other way round; alignment is computed, not believed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAP_SHARED } from './abi.ts';
import { check, EBADF, SysError } from './errno.ts';
import { addressOf } from './ffi.ts';
import * as libc from './libc.ts';
import { mapAligned, mapAnonymous, mapFile } from './memory.ts';

test('an aligned mapping never carries out of the low bits of its address', () => {
  for (const length of [1, 4096, 4097, 100_000, 1 << 20, (5 << 20) + 1]) {
    const mapping = mapAligned(length);
    let alignment = 4096n;
    while (alignment < BigInt(length)) alignment *= 2n;
    assert.equal(mapping.address % alignment, 0n, `length ${length}`);
    assert.equal(mapping.bytes.length, length);
    const low = Number(mapping.address & 0xffff_ffffn);
    assert.ok(low + length - 1 <= 0xffff_ffff, 'an offset carries');
    mapping.bytes[0] = 1;
    mapping.bytes[length - 1] = 2;
    assert.equal(mapping.bytes[length - 1], 2);
  }
});

test('the kernel and the view see the same bytes', () => {
  const mapping = mapAnonymous(8192);
  assert.ok(mapping.bytes.every((byte) => byte === 0));
  const pipe = new Int32Array(32);
  check('pipe2', libc.pipe2(pipe, 0));
  try {
    mapping.bytes.set([1, 2, 3, 4], 100);
    assert.equal(libc.writeAt(pipe[1]!, mapping.address + 100n, 4), 4);
    assert.equal(libc.readAt(pipe[0]!, mapping.address + 5000n, 4), 4);
    assert.deepEqual([...mapping.bytes.subarray(5000, 5004)], [1, 2, 3, 4]);
  } finally {
    check('close', libc.close(pipe[0]!));
    check('close', libc.close(pipe[1]!));
  }
});

test('a typed array over a mapping knows its address', () => {
  const mapping = mapAnonymous(4096);
  assert.equal(addressOf(mapping.bytes), mapping.address);
  assert.equal(addressOf(mapping.bytes.subarray(77)), mapping.address + 77n);
});

test('a mapping the kernel refuses is a SysError', () => {
  assert.throws(
    () => mapFile(9999, 4096, MAP_SHARED, 0),
    (error) => error instanceof SysError && error.syscall === 'mmap' && error.errno === EBADF,
  );
});
