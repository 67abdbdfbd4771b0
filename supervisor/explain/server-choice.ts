// The server that use-server or balance would choose in a fresh process, and why.

import { AVOID_NONE, type Balancer, HASH_NONE, PICK_FULL, PICK_NONE } from '../../core/balance/contract.ts';
import { hashSource } from '../../core/balance/hash.ts';
import { makeBalancer } from '../../core/balance/make.ts';
import type { Proxy, Server } from '../../core/model/proxy.ts';
import { type AddressView, FAMILY_INET, FAMILY_INET6 } from '../../core/sample/subject.ts';
import {
  SERVER_DRAIN,
  SERVER_MAINT,
  SERVER_STOPPING,
  SERVER_UNRESOLVED,
  SERVER_UP,
  wordFlags,
  wordWeight,
} from '../../core/shared/server-words.ts';
import type { Place, ServerChoiceReport, ServerReport } from './explanation.ts';
import { addressText, viewText } from './input.ts';
import type { Surroundings } from './surroundings.ts';

/** maxconn of the process, where the file leaves it open: it only scales the limits of servers with minconn. */
const GLOBAL_MAXCONN = 100_000;

export interface Choice {
  report: ServerChoiceReport;
  server: Server | null;
}

export interface ForcedServer {
  serverIndex: number; // what use-server chose; −1 nothing
  by: Place | null;
}

export function balancerOf(around: Surroundings, backend: Proxy): Balancer | null {
  if (backend.servers.length === 0) return null;
  const { model, words, load, counters, clock } = around;
  const surroundings = { words, load, counters, clock, threadIndex: 0, seed: 1 };
  return makeBalancer(model, backend, model.global.maxconn || GLOBAL_MAXCONN, surroundings);
}

export function serverReports(around: Surroundings, backend: Proxy, balancer: Balancer | null): ServerReport[] {
  return backend.servers.map((server, position) => {
    const word = around.words.word(server.index);
    return {
      name: server.name,
      address: serverAddress(server),
      weight: wordWeight(word),
      state: stateOf(word),
      backup: server.backup,
      eligible: balancer?.usable(position) ?? false,
    };
  });
}

export function serverAddress(server: Server): string {
  const { address, portOffset, hostName } = server;
  const shown = addressText(address);
  const isInet = address.family === 'inet' || address.family === 'inet6';
  const mapped = isInet && (portOffset !== 0 || address.port === 0) ? ' (port as the client’s)' : '';
  return `${shown}${mapped}${hostName === '' ? '' : ` (${hostName})`}`;
}

function stateOf(word: number): string {
  const flags = wordFlags(word);
  if ((flags & SERVER_UNRESOLVED) !== 0) return 'no address';
  if ((flags & SERVER_MAINT) !== 0) return 'maint';
  if ((flags & SERVER_UP) === 0) return 'down';
  if ((flags & SERVER_DRAIN) !== 0) return 'drain';
  return (flags & SERVER_STOPPING) !== 0 ? 'stopping' : 'up';
}

/** As core/proxy does it: use-server first, where its server can be used, then balance. */
export function chooseServer(
  around: Surroundings,
  backend: Proxy,
  balancer: Balancer | null,
  forced: ForcedServer,
  source: AddressView,
): Choice {
  const algorithm = algorithmText(backend);
  const base = { name: '', certain: true, address: '', by: null, algorithm, hashKey: '' };
  if (balancer === null) return { server: null, report: { ...base, why: 'the backend has no server' } };
  const wanted = backend.servers.find((server) => server.index === forced.serverIndex);
  if (wanted !== undefined && around.words.usable(wanted.index)) {
    const report = { ...base, name: wanted.name, address: serverAddress(wanted), why: 'use-server', by: forced.by };
    return { server: wanted, report };
  }
  const hashKey = balancer.needsSourceHash ? sourceKey(source) : '';
  const hash = hashKey === '' ? HASH_NONE : sourceHash(source, backend.hashType.avalanche);
  const position = balancer.pick(hash, AVOID_NONE);
  if (position === PICK_NONE) return { server: null, report: { ...base, hashKey, why: 'no server can be used' } };
  if (position === PICK_FULL) return { server: null, report: { ...base, hashKey, why: 'all servers are full' } };
  const server = backend.servers[position]!;
  const { why, certain } = whyChosen(around, backend, balancer, server, hashKey);
  return { server, report: { ...base, certain, hashKey, name: server.name, address: serverAddress(server), why } };
}

function algorithmText({ balance, hashType }: Proxy): string {
  if (balance.name === 'source') return `source (hash-type ${hashType.method})`;
  return balance.name === 'random' ? `random(${balance.draws || 1})` : balance.name;
}

function sourceKey(source: AddressView): string {
  const isInet = source.family === FAMILY_INET || source.family === FAMILY_INET6;
  return isInet ? viewText(source).replace(/:\d+$/, '') : '';
}

function sourceHash({ family, word0, word1, word2, word3 }: AddressView, avalanche: boolean): number {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  [word0, word1, word2, word3].forEach((word, index) => {
    view.setInt32(index * 4, word);
  });
  return hashSource(bytes, 0, family === FAMILY_INET ? 4 : 16, avalanche);
}

function whyChosen(
  around: Surroundings,
  backend: Proxy,
  balancer: Balancer,
  server: Server,
  hashKey: string,
): { why: string; certain: boolean } {
  const eligible = backend.servers.filter((_each, position) => balancer.usable(position));
  const total = eligible.reduce((sum, { index }) => sum + wordWeight(around.words.word(index)), 0);
  const weight = `weight ${wordWeight(around.words.word(server.index))} of ${total}`;
  const backup = server.backup ? 'no active server can be used, so the backup is; ' : '';
  if (eligible.length === 1) return { why: `${backup}the only server that can be used`, certain: true };
  const name: string = backend.balance.name;
  switch (name) {
    case 'roundrobin':
    case 'static-rr':
      return { why: `${backup}first in the rotation of a fresh process, ${weight}`, certain: true };
    case 'leastconn':
      return { why: `${backup}nobody has connections in a fresh process: first in turn, ${weight}`, certain: true };
    case 'first':
      return { why: `${backup}the first that has room`, certain: true };
    case 'source': {
      const how = hashKey === '' ? 'the client has no IP address: in turn' : `by the hash of ${hashKey}`;
      return { why: `${backup}${how}, ${weight}`, certain: true };
    }
    case 'random':
      return { why: `${backup}drawn by chance: any of the ${eligible.length} may be, ${weight}`, certain: false };
    default: {
      const how = `by the hash of its key, not computed here: any of the ${eligible.length} may be`;
      return { why: `${backup}${how}, ${weight}`, certain: false };
    }
  }
}
