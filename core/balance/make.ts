// From a backend of the model to its balancer in one thread.

import { unreachable } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import type { Model } from '../model/model.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Counters } from '../shared/counters.ts';
import { Rotation, type Rotations } from '../shared/rotations.ts';
import type { ServerLoad } from '../shared/server-load.ts';
import type { ServerWords } from '../shared/server-words.ts';
import type { Balancer } from './contract.ts';
import { First } from './first.ts';
import { HashedMap, HashedRing } from './hashed.ts';
import { LeastConn } from './leastconn.ts';
import { Random } from './random.ts';
import { RoundRobin } from './round-robin.ts';
import { ServerGroup } from './server-group.ts';
import { StaticRoundRobin } from './static-rr.ts';

/** What a thread has at hand for all its balancers. */
export interface BalanceSurroundings {
  words: ServerWords;
  load: ServerLoad; // attached with threadIndex
  counters: Counters; // attached with threadIndex
  rotations?: Rotations; // attached with threadIndex; without them each thread takes turns for itself
  clock: Clock;
  threadIndex: number;
  seed: number; // for `balance random`; each thread its own
}

/** A backend or listen section's balancer; `globalMaxconn` is the one in force, for the default of fullconn. */
export function makeBalancer(
  model: Pick<Model, 'proxies'>,
  proxy: Proxy,
  globalMaxconn: number,
  surroundings: BalanceSurroundings,
): Balancer {
  const { words, load, counters, clock, threadIndex } = surroundings;
  const group = new ServerGroup(proxy, words, load, fullconnOf(model, proxy, globalMaxconn));
  const algorithm = proxy.balance;
  switch (algorithm.name) {
    case 'roundrobin':
      return new RoundRobin(group, rotationOf(proxy, surroundings), threadIndex);
    case 'static-rr':
      return new StaticRoundRobin(group, rotationOf(proxy, surroundings), threadIndex);
    case 'leastconn':
      return new LeastConn(group, rotationOf(proxy, surroundings), threadIndex, load.threadCount);
    case 'first':
      return new First(group);
    case 'source':
    case 'uri':
    case 'url_param':
    case 'hdr':
    case 'rdp-cookie':
    case 'hash': {
      const { name } = algorithm;
      const kind = { isSource: name === 'source', aloneWithoutKey: name === 'hdr' || name === 'hash' };
      if (proxy.hashType.method === 'consistent') return new HashedRing(group, kind);
      return new HashedMap(group, kind, threadIndex);
    }
    case 'random':
      // Backends of one thread must not draw in step.
      return new Random(group, counters, clock, algorithm.draws, surroundings.seed + proxy.index * 0x9e3779b9);
    default:
      return unreachable(algorithm, 'unknown balance algorithm');
  }
}

// A single thread needs no lock, and a crash leaves nothing behind when its rotation is its own.
function rotationOf(proxy: Proxy, surroundings: BalanceSurroundings): Rotation {
  const { rotations, load } = surroundings;
  const serverCount = proxy.servers.length;
  const isShared = rotations !== undefined && load.threadCount > 1 && serverCount > 0;
  return isShared ? rotations.backend(proxy.index) : Rotation.own(proxy.balance.name, serverCount);
}

/**
 * `fullconn`, or by default a tenth (rounded up, at least 1) of the summed maxconn of the frontends that can reach
 * the backend, each counted once (manual §4.2 "fullconn").
 */
export function fullconnOf(model: Pick<Model, 'proxies'>, backend: Proxy, globalMaxconn: number): number {
  if (backend.fullconn > 0) return backend.fullconn;
  let sum = 0;
  for (const proxy of model.proxies) {
    if (proxy.disabled || proxy.kind === 'backend' || !reaches(proxy, backend)) continue;
    sum += proxy.maxconn > 0 ? proxy.maxconn : globalMaxconn;
  }
  return Math.max(1, Math.ceil(sum / 10));
}

function reaches(front: Proxy, backend: Proxy): boolean {
  if (front.defaultBackend === backend.name) return true;
  if (front.defaultBackend === '' && front.kind === 'listen' && front.index === backend.index) return true;
  return front.switching.some((rule) => rule.backend === backend.name);
}
