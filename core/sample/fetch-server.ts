// Fetches about servers, one or all of a backend: state, weight, connections and queues (manual §7.3.2).

import { assert } from '../base/assert.ts';
import type { Arg } from '../model/language.ts';
import type { Model } from '../model/model.ts';
import type { Proxy, Server } from '../model/proxy.ts';
import { SESSION_RATE } from '../shared/counters.ts';
import {
  SERVER_MAINT,
  SERVER_UP,
  WEIGHT_SCALE,
  wordEffectiveWeight,
  wordFlags,
  wordUsable,
  wordWeight,
} from '../shared/server-words.ts';
import {
  BACKEND_ARG,
  backendIndexOf,
  latin1Bytes,
  proxyIndexOf,
  SERVER_ARG,
  serverIndexOf,
  setText,
} from './fetch-aim.ts';
import { type Fetch, type FetchRow, type Linker, NO_ARGS } from './rows.ts';
import type { Subject } from './subject.ts';
import { TYPE_BOOL, TYPE_SINT, TYPE_STR, USE_INTRN, USE_SERVR } from './types.ts';

const UNLIMITED = -1; // what connslots and its kin say when a limit is missing

const isServing = (word: number): boolean => (wordFlags(word) & (SERVER_UP | SERVER_MAINT)) === SERVER_UP;

/**
 * How many servers of each backend take new streams: the active ones, else the backups that stand in for them (the first,
 * or with `option allbackups` all). Counted again only after some server changed.
 */
class UsableCounts {
  private readonly proxies: readonly Proxy[];
  private readonly counts: Int32Array;
  private readonly epochs: Int32Array; // of server-words, at which counts[i] was right
  private readonly known: Uint8Array;

  constructor(model: Model) {
    this.proxies = model.proxies;
    this.counts = new Int32Array(model.proxies.length);
    this.epochs = new Int32Array(model.proxies.length);
    this.known = new Uint8Array(model.proxies.length);
  }

  of(subject: Subject, proxyIndex: number): number {
    const epoch = subject.words.epoch();
    if (this.known[proxyIndex] === 0 || this.epochs[proxyIndex] !== epoch) {
      this.counts[proxyIndex] = countUsable(subject, this.proxies[proxyIndex]!);
      this.epochs[proxyIndex] = epoch;
      this.known[proxyIndex] = 1;
    }
    return this.counts[proxyIndex]!;
  }
}

/** Servers that take new streams: the active ones, else the backups that stand in for them. */
export function countUsable(subject: Subject, proxy: Proxy): number {
  if (proxy.disabled) return 0;
  let active = 0;
  let backups = 0;
  for (const server of proxy.servers) {
    if (!wordUsable(subject.words.word(server.index))) continue;
    if (server.backup) backups++;
    else active++;
  }
  if (active > 0) return active;
  return proxy.allbackups ? backups : Math.min(backups, 1);
}

const countsOfModels = new WeakMap<Model, UsableCounts>();

function usableCounts(model: Model): UsableCounts {
  let counts = countsOfModels.get(model);
  if (counts === undefined) {
    counts = new UsableCounts(model);
    countsOfModels.set(model, counts);
  }
  return counts;
}

/** A number made of a backend, the named one or the one at hand. */
function ofBackend(value: (subject: Subject, proxy: Proxy, counts: UsableCounts) => number): FetchRow['compile'] {
  return (args: readonly Arg[], linker: Linker): Fetch => {
    const named = proxyIndexOf(args);
    const { proxies } = linker.model;
    const counts = usableCounts(linker.model);
    return (subject, sample) => {
      const index = named >= 0 ? named : backendIndexOf(subject);
      if (index < 0) return false;
      sample.setInt(value(subject, proxies[index]!, counts));
      return true;
    };
  };
}

/** Streams waiting in the backend's queue and in those of its servers. */
function queuedIn(subject: Subject, proxy: Proxy): number {
  const { load } = subject;
  let sum = load.queued(load.backend(proxy.index));
  for (const server of proxy.servers) sum += load.queued(load.server(server.index));
  return sum;
}

// Without any server it is as if half a one were there.
function averageQueue(subject: Subject, proxy: Proxy, counts: UsableCounts): number {
  const usable = counts.of(subject, proxy.index);
  const queued = queuedIn(subject, proxy);
  return usable > 0 ? Math.ceil(queued / usable) : queued * 2;
}

const maxconnOf = (subject: Subject, server: Server): number =>
  subject.world.serverMaxconn?.(server.index) ?? Math.max(server.maxconn, server.minconn);

function freeConnections(subject: Subject, server: Server): number {
  const { load } = subject;
  const maxconn = maxconnOf(subject, server);
  if (maxconn === 0) return UNLIMITED;
  return Math.max(0, maxconn - load.current(load.server(server.index)));
}

function freeInBackend(subject: Subject, proxy: Proxy): number {
  const { words } = subject;
  let activeCount = 0;
  let firstBackup = -1;
  for (const server of proxy.servers) {
    if (!wordUsable(words.word(server.index))) continue;
    if (!server.backup) activeCount++;
    else if (firstBackup < 0) firstBackup = server.index;
  }
  let sum = 0;
  for (const server of proxy.servers) {
    if (!wordUsable(words.word(server.index))) continue;
    if (server.backup && (activeCount > 0 || !(proxy.allbackups || server.index === firstBackup))) continue;
    const free = freeConnections(subject, server);
    if (free === UNLIMITED) return UNLIMITED;
    sum += free;
  }
  return sum;
}

/** Places left on running servers and in their queues; backups count too, as in HAProxy. */
function connectionSlots(subject: Subject, proxy: Proxy): number {
  const { load } = subject;
  let sum = 0;
  for (const server of proxy.servers) {
    if (!isServing(subject.words.word(server.index))) continue;
    const maxconn = Math.max(server.maxconn, server.minconn);
    if (maxconn === 0 || server.maxqueue === 0) return UNLIMITED;
    const row = load.server(server.index);
    sum += maxconn - load.current(row) + (server.maxqueue - load.queued(row));
  }
  return sum;
}

/** A number made of the server that the argument names. */
function ofServer(value: (subject: Subject, server: Server) => number): FetchRow['compile'] {
  return (args: readonly Arg[], linker: Linker): Fetch => {
    const server = serversOf(linker.model)[serverIndexOf(args)];
    assert(server !== undefined, 'a server argument names no server');
    return (subject, sample) => {
      sample.setInt(value(subject, server));
      return true;
    };
  };
}

function serversOf(model: Model): Server[] {
  const servers: Server[] = [];
  for (const proxy of model.proxies) for (const server of proxy.servers) servers[server.index] = server;
  return servers;
}

function compileIsUp(args: readonly Arg[]): Fetch {
  const index = serverIndexOf(args);
  return (subject, sample) => {
    sample.setBool(isServing(subject.words.word(index)));
    return true;
  };
}

// The server at hand: the one the stream is on, or after it left, the one its log names.
function ownServerIndex(subject: Subject): number {
  const { stream } = subject;
  if (stream === null) return -1;
  return stream.serverIndex >= 0 ? stream.serverIndex : stream.log.serverIndex;
}

function compileId(_args: readonly Arg[], linker: Linker): Fetch {
  const ids = Float64Array.from(serversOf(linker.model), (server) => server.id);
  return (subject, sample) => {
    const index = ownServerIndex(subject);
    if (index < 0) return false;
    sample.setInt(ids[index]!);
    return true;
  };
}

function compileName(_args: readonly Arg[], linker: Linker): Fetch {
  const names = serversOf(linker.model).map((server) => latin1Bytes(server.name));
  return (subject, sample) => {
    const index = ownServerIndex(subject);
    return index >= 0 && setText(sample, names[index]!);
  };
}

const backend = { args: BACKEND_ARG, uses: USE_INTRN, out: TYPE_SINT };
const named = { args: SERVER_ARG, uses: USE_INTRN, out: TYPE_SINT };
const own = { args: NO_ARGS, uses: USE_SERVR };

export const serverFetches: readonly FetchRow[] = [
  { ...backend, name: 'avg_queue', compile: ofBackend(averageQueue) },
  { ...backend, name: 'be_conn_free', compile: ofBackend(freeInBackend) },
  { ...backend, name: 'connslots', compile: ofBackend(connectionSlots) },
  {
    ...backend,
    name: 'nbsrv',
    compile: ofBackend((subject, proxy, counts) => counts.of(subject, proxy.index)),
  },
  { ...backend, name: 'queue', compile: ofBackend(queuedIn) },
  {
    ...named,
    name: 'srv_conn',
    compile: ofServer(({ load }, server) => load.current(load.server(server.index))),
  },
  { ...named, name: 'srv_conn_free', compile: ofServer(freeConnections) },
  { ...own, name: 'srv_id', out: TYPE_SINT, compile: compileId },
  { ...named, name: 'srv_is_up', out: TYPE_BOOL, compile: compileIsUp },
  { ...named, name: 'srv_iweight', compile: ofServer((_subject, server) => server.weight) },
  { ...own, name: 'srv_name', out: TYPE_STR, compile: compileName },
  {
    ...named,
    name: 'srv_queue',
    compile: ofServer(({ load }, server) => load.queued(load.server(server.index))),
  },
  {
    ...named,
    name: 'srv_sess_rate',
    compile: ofServer(({ counters, load, clock }, server) =>
      counters.totalRate(load.server(server.index), SESSION_RATE, clock.nowMs),
    ),
  },
  {
    ...named,
    name: 'srv_uweight',
    compile: ofServer(({ words }, server) => wordWeight(words.word(server.index))),
  },
  {
    ...named,
    name: 'srv_weight',
    compile: ofServer(({ words }, server) => Math.ceil(wordEffectiveWeight(words.word(server.index)) / WEIGHT_SCALE)),
  },
];
