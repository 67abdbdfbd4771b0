// Mapped memory: the only kind the kernel may read or write after a call has returned (V8 moves small arrays).
//
// Mapped at boot and kept for the life of the thread's engine; nothing here unmaps under a live view.

import { MAP_ANONYMOUS, MAP_NORESERVE, MAP_PRIVATE, PROT_READ, PROT_WRITE } from './abi.ts';
import { SysError } from './errno.ts';
import { lastErrno, viewMemory } from './ffi.ts';
import { mmap } from './libc.ts';

export class Mapping {
  readonly address: bigint;
  readonly length: number;
  readonly buffer: ArrayBuffer;
  readonly bytes: Uint8Array;

  constructor(address: bigint, length: number) {
    this.address = address;
    this.length = length;
    this.buffer = viewMemory(address, length);
    this.bytes = new Uint8Array(this.buffer);
  }
}

const MAP_FAILED = (1n << 64n) - 1n;

/** mmap(2) of `fd` at `offset`; throws SysError. `length` in bytes. */
export function mapFile(fd: number, length: number, flags: number, offset: number): Mapping {
  const address = BigInt(mmap(0, length, PROT_READ | PROT_WRITE, flags, fd, offset));
  if (address === MAP_FAILED) throw new SysError('mmap', lastErrno());
  return new Mapping(address, length);
}

/** Zeroed private memory of `length` bytes; pages become real when first touched. Throws SysError. */
export function mapAnonymous(length: number): Mapping {
  return mapFile(-1, length, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, 0);
}

/**
 * Zeroed private memory whose address is aligned to the next power of two of its length, so that an offset
 * below `length` never carries out of the low 32 bits of `address + offset`. Throws SysError.
 */
export function mapAligned(length: number): Mapping {
  let alignment = 4096;
  while (alignment < length) alignment *= 2;
  const address = BigInt(
    mmap(0, alignment * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
  );
  if (address === MAP_FAILED) throw new SysError('mmap', lastErrno());
  const mask = BigInt(alignment) - 1n;
  return new Mapping((address + mask) & ~mask, length);
}
