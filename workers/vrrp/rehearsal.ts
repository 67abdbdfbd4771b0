// The first takeover must not be the first time its code runs: two routers that exist only in memory elect each other
// for a few rounds before the real one starts, so that V8 has compiled what a takeover needs.
//
// Nothing of this reaches a socket: the intents are thrown away. It costs some tens of milliseconds, before the election.

import type { VrrpModel } from '../../core/model/vrrp.ts';
import type { Intent } from '../../core/vrrp/contract.ts';
import { VrrpRouter } from '../../core/vrrp/router.ts';

const ROUNDS = 40;
const STEPS = 12;
const TIME_MS_MAX = 60;

export function rehearse(model: VrrpModel): void {
  const endAtMs = performance.now() + TIME_MS_MAX;
  const quiet = { ...model, global: { ...model.global, startupDelayMs: 0, delayAfterBootMs: 0 } };
  for (let round = 0; round < ROUNDS && performance.now() < endAtMs; round++) elect(quiet);
}

function elect(model: VrrpModel): void {
  const intents: Intent[] = [];
  const own = prepare(model, 1, intents);
  const other = prepare(model, 2, intents);
  for (let step = 0; step < STEPS; step++) {
    const nowMs = own.deadlineMs;
    if (!Number.isFinite(nowMs)) return;
    own.onTime(nowMs, intents);
    for (const intent of intents.splice(0)) if (intent.do === 'send-advert') hear(other, intent, nowMs, intents);
  }
  own.stop(own.deadlineMs, intents);
}

function prepare(model: VrrpModel, host: number, intents: Intent[]): VrrpRouter {
  const router = new VrrpRouter(model, { wallMs: Date.now });
  const names = new Set(model.instances.map((each) => each.interfaceName));
  let ifindex = 0;
  for (const name of names) {
    ifindex++;
    const primary4 = new Uint8Array([192, 0, 2, host]);
    const linkLocal = new Uint8Array([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host]);
    router.onLink({ ifindex, name, up: true, primary4, linkLocal, addresses: [primary4, linkLocal] }, 0, intents);
  }
  for (const { name } of model.scripts) {
    router.onTracked({ kind: 'script', name, up: true, value: 0, serversUp: 0 }, 0, intents);
  }
  router.start(0, intents);
  intents.length = 0;
  return router;
}

function hear(
  router: VrrpRouter,
  { family, ifindex, source, ttl, packets }: Extract<Intent, { do: 'send-advert' }>,
  nowMs: number,
  intents: Intent[],
): void {
  for (const { bytes, destination } of packets) {
    router.onAdvert({ ifindex, family, bytes, source, destination, hopLimit: ttl }, nowMs, intents);
  }
  intents.length = 0;
}
