import assert from 'node:assert/strict';
import { test } from 'node:test';
import { monotonicExactMs as nowMs } from '../../core/base/clock.ts';
import { DEPUTY_INTERVAL_MS_MAX, DeputyBoard } from '../../core/shared/deputy-board.ts';
import type { Intent } from '../../core/vrrp/contract.ts';
import { Briefing } from './briefing.ts';

const CUE = { fd: 7, flags: 0, interfaceIndex: 1, source: null, packets: [] };

function advert(intervalMs: number, nextAtMs = nowMs() + intervalMs): Extract<Intent, { do: 'send-advert' }> {
  return {
    do: 'send-advert',
    instance: 'V',
    family: 'inet',
    ifindex: 1,
    priority: 150,
    multicast: true,
    ttl: 255,
    source: new Uint8Array(4),
    packets: [],
    nextAtMs,
    intervalMs,
    downMs: intervalMs * 3,
  };
}

function stage(): { board: DeputyBoard; briefing: Briefing } {
  const board = DeputyBoard.create();
  board.begin();
  const briefing = new Briefing({ board: board.buffer, wakeFd: -1 }, () => assert.fail('nothing is wrong'));
  briefing.begin();
  return { board, briefing };
}

for (const [what, next] of [
  ['an interval that needs no deputy, as after a reload', advert(DEPUTY_INTERVAL_MS_MAX + 1)],
  ['a last advert', advert(10, Infinity)],
] as const) {
  test(`${what} ends what was said before`, () => {
    const { board, briefing } = stage();
    briefing.brief(advert(10), CUE);
    assert.ok(Number.isFinite(board.nextMs(nowMs())));
    briefing.brief(next, CUE);
    assert.equal(board.nextMs(nowMs()), Infinity);
  });
}
