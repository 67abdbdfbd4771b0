// VRRP's times (RFC 9568 §6.1, RFC 3768 §6.1), in milliseconds with fractions, and the bounds of what a stranger's
// packet may teach us.

import { assert } from '../base/assert.ts';

export const PRIORITY_OWNER = 255;
export const PRIORITY_STOP = 0;

export const CENTISECOND_MS = 10;
export const ADVERT_INT_V3_MAX_MS = 4095 * CENTISECOND_MS;

// A learned interval is capped at this many times our own, so that one forged packet cannot hold a backup for two
// minutes; but never below 3 s, which every sane neighbour stays under.
export const LEARNED_FACTOR_MAX = 10;
export const LEARNED_CAP_MIN_MS = 3000;

/** Skew_Time: the higher the priority, the sooner. RFC 3768 counts in whole seconds' parts whatever the interval. */
export function skewMs(version: 2 | 3, priority: number, masterAdvertIntMs: number): number {
  assert(priority >= 1 && priority <= PRIORITY_OWNER, 'a priority lies between 1 and 255');
  return ((256 - priority) * (version === 2 ? 1000 : masterAdvertIntMs)) / 256;
}

/** Master_Down_Interval: down_timer_adverts (3) intervals and the skew. */
export function masterDownMs(version: 2 | 3, priority: number, masterAdvertIntMs: number, adverts: number): number {
  return adverts * masterAdvertIntMs + skewMs(version, priority, masterAdvertIntMs);
}

/** What a received v3 interval (centiseconds) may set: at least 1 cs, at most the cap. */
export function learnedIntervalMs(centiseconds: number, ownIntervalMs: number, factorMax: number): number {
  const toldMs = Math.max(1, centiseconds) * CENTISECOND_MS;
  if (factorMax <= 0) return toldMs;
  return Math.min(toldMs, Math.max(LEARNED_CAP_MIN_MS, ownIntervalMs * factorMax));
}
