// The model becomes this thread's runtime objects: names to references, once, at start.

import { makeBalancer } from '../balance/make.ts';
import { encodeAddress } from '../io/net.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Logging } from '../observe/logger.ts';
import { usesRequestLine } from '../sample/request-line-use.ts';
import type { Rotations } from '../shared/rotations.ts';
import { makeBalanceKey } from './balance-key.ts';
import { makeCapturing } from './capturing.ts';
import { makeCustomLog } from './custom-log.ts';
import { makeForwardedExpressions } from './forwarded-expressions.ts';
import { linkRules } from './language.ts';
import { Backend, Frontend, ServerLink } from './runtime.ts';
import type { ProxyThread } from './thread.ts';
import { makeUniqueId } from './unique-id.ts';

/** Fills thread.frontends and thread.backends; thread.language is there already. `seed` feeds `balance random`; each thread its own. */
export function linkModel(thread: ProxyThread, logging: Logging, rotations: Rotations, seed: number): void {
  const { model } = thread;
  const { linker } = thread.language;
  for (const proxy of model.proxies) {
    thread.backends.push(
      proxy.kind !== 'frontend' && !proxy.disabled ? linkBackend(thread, proxy, rotations, seed) : null,
    );
    thread.frontends.push(proxy.kind !== 'backend' && !proxy.disabled ? linkFrontend(thread, proxy, logging) : null);
  }
  for (const backend of thread.backends) {
    if (backend === null) continue;
    backend.rules = linkRules(backend.proxy, linker);
    backend.key = makeBalanceKey(backend.proxy, linker);
    backend.forwardedExpressions = makeForwardedExpressions(backend.forwarded, linker);
  }
  for (const frontend of thread.frontends) {
    if (frontend === null) continue;
    frontend.defaultBackend = backendOf(thread, frontend.proxy);
    frontend.rules = linkRules(frontend.proxy, linker);
    frontend.customLog = makeCustomLog(thread, frontend.proxy, frontend.logger);
    frontend.capturing = makeCapturing(frontend.proxy, model.global.cookieLength);
    frontend.uniqueId = makeUniqueId(thread, frontend.proxy);
    frontend.logsEarly = frontend.proxy.logasap || frontend.customLog?.isEarly === true;
    const backend = frontend.defaultBackend;
    const isUnix = frontend.proxy.binds.some(
      (bind) => bind.address.family === 'unix' || bind.address.family === 'abns',
    );
    const sendsProxy = backend?.servers.some((server) => server.model.sendProxy !== 'none') ?? false;
    const forwards = backend?.forwarded ?? null;
    frontend.needsSource =
      frontend.logger.active ||
      frontend.forwardFor !== null ||
      backend?.forwardFor != null ||
      forwards !== null ||
      (backend?.balancer?.needsSourceHash ?? false) ||
      sendsProxy ||
      isUnix;
    frontend.needsTarget =
      frontend.logger.needsDestination ||
      frontend.originalTo !== null ||
      backend?.originalTo != null ||
      forwards !== null ||
      sendsProxy ||
      (backend?.servers.some((server) => server.portFromClient) ?? false);
    frontend.isPlain = isPlain(frontend) && (backend === null || isPlain(backend));
    if (!frontend.isPlain || frontend.customLog !== null || frontend.uniqueId !== null) {
      // Any backend may be chosen and any address asked for.
      frontend.needsSource = true;
      frontend.needsTarget = true;
    }
  }
  // Compiled by now: whatever names the request line has said so.
  const used = usesRequestLine(linker);
  for (const frontend of thread.frontends) {
    if (frontend !== null) frontend.needsRequestLine = used || frontend.logger.needsRequestLine;
  }
}

// Requests pass it without a look at anything but the head's own lines.
function isPlain(side: Frontend | Backend): boolean {
  const { httpBufferRequest, balance, restrictNames } = side.proxy;
  return side.rules === null && !httpBufferRequest && balance.name !== 'hash' && restrictNames === 'preserve';
}

// `default_backend`; a listen section is its own.
function backendOf(thread: ProxyThread, proxy: Proxy): Backend | null {
  const name = proxy.defaultBackend;
  if (name === '') return proxy.kind === 'listen' ? thread.backends[proxy.index]! : null;
  const target = thread.model.proxies.find((other) => other.name === name && other.kind !== 'frontend');
  return target === undefined ? null : (thread.backends[target.index] ?? null);
}

function linkFrontend(thread: ProxyThread, proxy: Proxy, logging: Logging): Frontend {
  const { load, counters, buffers, globalMaxconn } = thread;
  const row = counters.frontend(proxy.index);
  const maxconn = proxy.maxconn === 0 ? globalMaxconn : proxy.maxconn;
  const logger = logging.forProxy(proxy.index);
  return new Frontend(
    proxy,
    load.frontend(proxy.index),
    row,
    counters.at(row),
    logger,
    maxconn,
    thread.headLimits,
    buffers,
  );
}

function linkBackend(thread: ProxyThread, proxy: Proxy, rotations: Rotations, seed: number): Backend {
  const { load, counters, buffers, words, clock, threadIndex, globalMaxconn } = thread;
  const row = counters.backend(proxy.index);
  const backend = new Backend(proxy, load.backend(proxy.index), row, counters.at(row), thread.headLimits, buffers);
  if (proxy.servers.length === 0) return backend;
  const surroundings = { words, load, counters, rotations, clock, threadIndex, seed };
  const balancer = makeBalancer(thread.model, proxy, globalMaxconn, surroundings);
  backend.balancer = balancer;
  proxy.servers.forEach((server, position) => {
    const serverRow = counters.server(server.index);
    const sockaddr = server.resolved && server.address.family !== 'fd' ? encodeAddress(server.address) : null;
    const link = new ServerLink(
      server,
      backend,
      balancer,
      position,
      load.server(server.index),
      serverRow,
      counters.at(serverRow),
      sockaddr,
      buffers,
    );
    // Threads begin at different ports of a source range, so that they seldom want the same one.
    if (link.source !== null) {
      link.source.portNext = Math.floor((link.source.portCount * threadIndex) / load.threadCount);
    }
    backend.servers.push(link);
    thread.servers[server.index] = link;
  });
  return backend;
}
