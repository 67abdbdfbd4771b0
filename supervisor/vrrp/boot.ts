// VRRP as part of a start: rights kept through the change of user, the service made, its words said.
//
// The thread needs CAP_NET_RAW and CAP_NET_ADMIN for as long as it runs. Threads made later inherit what this one is
// permitted; only the VRRP thread makes use of it.

import type { Server } from 'node:net';
import type { Model } from '../../core/model/model.ts';
import type { VrrpModel } from '../../core/model/vrrp.ts';
import type { VrrpBackend } from '../../core/model/vrrp-worker.ts';
import { CAP_IPC_LOCK, CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_NICE } from '../../core/sys/abi.ts';
import { errnoText } from '../../core/sys/errno.ts';
import { keepCapabilities, limitCapabilities } from '../../core/sys/realtime.ts';
import type { Events } from '../boot/events.ts';
import type { CodeImage } from '../fleet/code-image.ts';
import type { DumpKind } from './dump.ts';
import { loadVrrp } from './load.ts';
import { Operation } from './operate.ts';
import { askForRole, type Role, serveRole } from './role-socket.ts';
import { VrrpService } from './service.ts';

/** Before the user changes: what is permitted now stays so. */
export function keepRights(warn: (text: string) => void): void {
  const errno = keepCapabilities();
  if (errno !== 0) warn(`VRRP may lose its rights with the change of user: ${errnoText(errno)}`);
}

/** After it: everything but what VRRP needs is given up. */
export function limitRights(warn: (text: string) => void): void {
  const mask = (1 << CAP_NET_ADMIN) | (1 << CAP_NET_RAW) | (1 << CAP_SYS_NICE) | (1 << CAP_IPC_LOCK);
  const errno = limitCapabilities(mask);
  if (errno !== 0) warn(`Cannot limit the rights that VRRP keeps: ${errnoText(errno)}`);
}

export interface VrrpStart {
  vrrp: VrrpModel;
  files: readonly string[];
  model: Model;
  serverWords: SharedArrayBuffer;
  image: CodeImage | null;
  /** Processes that this one replaces: the role of one of them is taken over, without a word to other routers. */
  oldPids: readonly number[];
}

/** VRRP as the running process sees it. */
export interface VrrpHandle {
  /** Resolves when the election runs, or cannot: from then on no predecessor is needed. */
  start(): Promise<void>;
  /** Priority 0, addresses released. */
  stop(timeoutMs: number): Promise<void>;
  /** Reads its files again; on an error everything stays as it is. */
  reload(): void;
  /** keepalived's files of these kinds; `clear`: the counters are zero afterwards. */
  dump(kinds: readonly DumpKind[], clear?: boolean): void;
}

export function makeVrrp(parts: VrrpStart, events: Events, giveUp: (text: string) => void): VrrpHandle {
  const backends = backendsOf(parts.model);
  const service = new VrrpService({
    model: parts.vrrp,
    serverWords: parts.serverWords,
    backends,
    image: parts.image,
    state: null,
    onEvent: (level, text, fields) => events.emit(level, text, fields),
    onGiveUp: (text) => giveUp(text),
  });
  const reload = (): void => {
    const { model, remarks } = loadVrrp(parts.files, parts.model.proxies);
    for (const { severity, text } of remarks) {
      if (severity !== 'notice') events.emit(severity === 'error' ? 'error' : 'warn', text);
    }
    if (model === null) return events.emit('error', 'keepalived.conf has errors: what runs stays as it is');
    service.reload(model, backends);
    operation.configure(model);
  };
  const operation = new Operation(service, parts.vrrp, events, reload);
  let roleServer: Server | null = null;
  const giveRole = async (): Promise<Role | null> => {
    events.emit('info', 'VRRP goes to the process that replaces this one');
    operation.stop();
    roleServer?.close();
    const answer = await service.handOver();
    return answer?.kind === 'state' ? answer : null;
  };
  const start = async (): Promise<void> => {
    if (parts.oldPids.length === 0) await service.start();
    else if (await service.prepare()) {
      const role = await askForRole(parts.oldPids);
      if (role !== null) events.emit('info', 'VRRP is taken over from the process that this one replaces');
      await service.adopt(role === null ? null : { kind: 'state', ...role });
    }
    roleServer = serveRole(giveRole, (text) => events.emit('warn', text));
  };
  return {
    start,
    stop: (timeoutMs) => {
      operation.stop();
      roleServer?.close();
      return service.stop(timeoutMs);
    },
    reload,
    dump: (kinds, clear) => void operation.dump(kinds, clear),
  };
}

function backendsOf(model: Model): VrrpBackend[] {
  return model.proxies
    .filter((proxy) => proxy.kind !== 'frontend')
    .map(({ name, servers }) => ({ name, serverIndexes: servers.map((server) => server.index) }));
}
