// Fetches about frontends, binds and backends (manual §7.3.2, §7.3.3): names, settings and how busy they are.
//
// Counts and rates are those `show stat` shows: sums over all threads, read without a lock.

import type { Arg } from '../model/language.ts';
import type { Proxy, Timeouts } from '../model/proxy.ts';
import { REQUEST_RATE, SESSION_RATE } from '../shared/counters.ts';
import {
  BACKEND_ARG,
  backendIndexOf,
  FRONTEND_ARG,
  frontendIndexOf,
  latin1Bytes,
  proxyIndexOf,
  setText,
} from './fetch-aim.ts';
import { type Fetch, type FetchRow, type Linker, NO_ARGS } from './rows.ts';
import type { Subject } from './subject.ts';
import { type Sample, TYPE_SINT, TYPE_STR, USE_BKEND, USE_FTEND, USE_INTRN } from './types.ts';

type IndexOf = (subject: Subject) => number;

/** A number of the proxy at hand that the configuration fixed. */
function setting(indexOf: IndexOf, linker: Linker, value: (proxy: Proxy) => number): Fetch {
  const values = Float64Array.from(linker.model.proxies, value);
  return (subject, sample) => {
    const index = indexOf(subject);
    if (index < 0) return false;
    sample.setInt(values[index]!);
    return true;
  };
}

/** A text of the proxy at hand; '' is none. */
function label(indexOf: IndexOf, linker: Linker, value: (proxy: Proxy) => string): Fetch {
  const texts = linker.model.proxies.map((proxy) => latin1Bytes(value(proxy)));
  return (subject, sample) => {
    const index = indexOf(subject);
    return index >= 0 && texts[index]!.length > 0 && setText(sample, texts[index]!);
  };
}

function frontTimeout(name: keyof Timeouts): FetchRow['compile'] {
  return (_args, linker) => setting(frontendIndexOf, linker, (proxy) => proxy.timeouts[name]);
}

function backTimeout(name: keyof Timeouts): FetchRow['compile'] {
  return (_args, linker) => setting(backendIndexOf, linker, (proxy) => proxy.timeouts[name]);
}

function compileFrontRate(rate: number): FetchRow['compile'] {
  return (args) => {
    const named = proxyIndexOf(args);
    return (subject, sample) => {
      const index = named >= 0 ? named : frontendIndexOf(subject);
      if (index < 0) return false;
      sample.setInt(subject.counters.totalRate(subject.load.frontend(index), rate, subject.clock.nowMs));
      return true;
    };
  };
}

function compileBackRate(args: readonly Arg[]): Fetch {
  const named = proxyIndexOf(args);
  return (subject, sample) => {
    const index = named >= 0 ? named : backendIndexOf(subject);
    if (index < 0) return false;
    sample.setInt(subject.counters.totalRate(subject.load.backend(index), SESSION_RATE, subject.clock.nowMs));
    return true;
  };
}

function compileFrontConn(args: readonly Arg[]): Fetch {
  const named = proxyIndexOf(args);
  return (subject, sample) => {
    const index = named >= 0 ? named : frontendIndexOf(subject);
    if (index < 0) return false;
    sample.setInt(subject.load.current(subject.load.frontend(index)));
    return true;
  };
}

function compileBackConn(args: readonly Arg[]): Fetch {
  const named = proxyIndexOf(args);
  return (subject, sample) => {
    const index = named >= 0 ? named : backendIndexOf(subject);
    if (index < 0) return false;
    sample.setInt(subject.load.current(subject.load.backend(index)));
    return true;
  };
}

/** Connections through the client's listener; where each thread has a socket of its own, through this thread's. */
function fetchDstConn(subject: Subject, sample: Sample): boolean {
  const listener = subject.front?.listener;
  if (listener === undefined || listener === null) return false;
  sample.setInt(listener.current);
  return true;
}

function compileBindId(_args: readonly Arg[], linker: Linker): Fetch {
  const ids = linker.model.proxies.map((proxy) => Float64Array.from(proxy.binds, (bind) => bind.id));
  return (subject, sample) => {
    const id = ids[frontendIndexOf(subject)]?.[subject.front?.bindIndex ?? -1];
    if (id === undefined) return false;
    sample.setInt(id);
    return true;
  };
}

function compileBindName(_args: readonly Arg[], linker: Linker): Fetch {
  const names = linker.model.proxies.map((proxy) => proxy.binds.map((bind) => latin1Bytes(bind.name)));
  return (subject, sample) => {
    const name = names[frontendIndexOf(subject)]?.[subject.front?.bindIndex ?? -1];
    return name !== undefined && name.length > 0 && setText(sample, name);
  };
}

const front = { args: NO_ARGS, uses: USE_FTEND };
const back = { args: NO_ARGS, uses: USE_BKEND };
const anyFront = { args: FRONTEND_ARG, uses: USE_INTRN, out: TYPE_SINT };
const anyBack = { args: BACKEND_ARG, uses: USE_INTRN, out: TYPE_SINT };

export const proxyFetches: readonly FetchRow[] = [
  { ...anyBack, name: 'be_conn', compile: compileBackConn },
  { ...back, name: 'be_connect_timeout', out: TYPE_SINT, compile: backTimeout('connect') },
  {
    ...back,
    name: 'be_id',
    out: TYPE_SINT,
    compile: (_args, linker) => setting(backendIndexOf, linker, (proxy) => proxy.id),
  },
  {
    ...back,
    name: 'be_name',
    out: TYPE_STR,
    compile: (_args, linker) => label(backendIndexOf, linker, (proxy) => proxy.name),
  },
  { ...back, name: 'be_queue_timeout', out: TYPE_SINT, compile: backTimeout('queue') },
  { ...back, name: 'be_server_timeout', out: TYPE_SINT, compile: backTimeout('server') },
  { ...anyBack, name: 'be_sess_rate', compile: compileBackRate },
  { ...back, name: 'be_tarpit_timeout', out: TYPE_SINT, compile: backTimeout('tarpit') },
  { ...back, name: 'be_tunnel_timeout', out: TYPE_SINT, compile: backTimeout('tunnel') },
  { ...front, name: 'dst_conn', out: TYPE_SINT, compile: () => fetchDstConn },
  { ...front, name: 'fe_client_timeout', out: TYPE_SINT, compile: frontTimeout('client') },
  { ...anyFront, name: 'fe_conn', compile: compileFrontConn },
  {
    ...front,
    name: 'fe_defbe',
    out: TYPE_STR,
    compile: (_args, linker) => label(frontendIndexOf, linker, (proxy) => proxy.defaultBackend),
  },
  {
    ...front,
    name: 'fe_id',
    out: TYPE_SINT,
    compile: (_args, linker) => setting(frontendIndexOf, linker, (proxy) => proxy.id),
  },
  {
    ...front,
    name: 'fe_name',
    out: TYPE_STR,
    compile: (_args, linker) => label(frontendIndexOf, linker, (proxy) => proxy.name),
  },
  { ...anyFront, name: 'fe_req_rate', compile: compileFrontRate(REQUEST_RATE) },
  { ...anyFront, name: 'fe_sess_rate', compile: compileFrontRate(SESSION_RATE) },
  { ...front, name: 'fe_tarpit_timeout', out: TYPE_SINT, compile: frontTimeout('tarpit') },
  { ...front, name: 'so_id', out: TYPE_SINT, compile: compileBindId },
  { ...front, name: 'so_name', out: TYPE_STR, compile: compileBindName },
];
