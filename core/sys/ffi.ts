// The one file that imports koffi: native functions by C prototype, views of mapped memory, errno.
//
// Addresses travel as bigint (`uintptr_t`), so that no pointer object is made per call and a mapping can be
// named in several threads. A typed array passed as `void *` is only lent for the length of the call.

import koffi from 'koffi';

const libc = koffi.load('libc.so.6');

export type NativeFunction = (...args: never[]) => unknown;

/** Binds a libc function by its C prototype, e.g. `int close(int fd)`. Throws when libc has no such symbol. */
export function nativeFunction<F extends NativeFunction>(prototype: string): F {
  return libc.func(prototype) as unknown as F;
}

/** Where libc has `name`, for calls that want a function's address. Throws when there is no such symbol. */
export function symbolAddress(name: string): bigint {
  return koffi.address(libc.symbol(name, 'int'));
}

/** errno as the last native call of this thread left it. */
export function lastErrno(): number {
  return koffi.errno();
}

/** An ArrayBuffer over `length` bytes at `address`: no copy, no finalizer; the mapping must outlive it. */
export function viewMemory(address: bigint, length: number): ArrayBuffer {
  return koffi.view(address as unknown as object, length);
}

/** The address of a typed array's first byte. Only for memory that V8 never moves (larger than 64 bytes or mapped). */
export function addressOf(array: ArrayBufferView): bigint {
  return koffi.address(array);
}
