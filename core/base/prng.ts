// Random numbers from a 32-bit seed: the same seed gives the same sequence on every machine, so a failure that
// chance found can be replayed. xorshift32 (Marsaglia 2003): fast and even enough for tests and balancing, never
// for secrets.

import { assert } from './assert.ts';

export class Prng {
  // Never 0: xorshift would stay there.
  state: number;

  /** @param seed any number; only its low 32 bits count */
  constructor(seed: number) {
    // Spread neighbouring seeds apart (the finaliser of MurmurHash3), so that case 1 and case 2 share nothing.
    let x = (seed ^ 0x9e3779b9) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    x = (x ^ (x >>> 16)) >>> 0;
    this.state = x === 0 ? 0x6d2b79f5 : x;
  }

  /** The next number, 0 to 2^32-1. */
  next32(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return this.state;
  }

  /** A number from 0 to bound-1; `bound` is 1 to 2^32. */
  below(bound: number): number {
    assert(bound >= 1 && bound <= 0x1_0000_0000, 'a random bound lies between 1 and 2^32');
    return Math.floor((this.next32() / 0x1_0000_0000) * bound);
  }

  /** `count` random bytes, in a new array. */
  bytes(count: number): Uint8Array {
    const result = new Uint8Array(count);
    for (let index = 0; index < count; index++) result[index] = this.next32() >>> 24;
    return result;
  }

  /** One element of a non-empty array. */
  pick<T>(array: readonly T[]): T {
    assert(array.length > 0, 'nothing to pick from an empty array');
    return array[this.below(array.length)]!;
  }
}
