// VRRP as part of a start: rights kept through the change of user, the service made, its words said.
//
// The thread needs CAP_NET_RAW and CAP_NET_ADMIN for as long as it runs. Threads made later inherit what this one is
// permitted; only the VRRP thread makes use of it.

import type { Model } from '../../core/model/model.ts';
import type { VrrpModel } from '../../core/model/vrrp.ts';
import type { VrrpBackend } from '../../core/model/vrrp-worker.ts';
import { CAP_IPC_LOCK, CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_NICE } from '../../core/sys/abi.ts';
import { errnoText } from '../../core/sys/errno.ts';
import { keepCapabilities, limitCapabilities } from '../../core/sys/realtime.ts';
import type { Events } from '../boot/events.ts';
import type { CodeImage } from '../fleet/code-image.ts';
import { writeDumps } from './dump.ts';
import { loadVrrp } from './load.ts';
import { serveStatus } from './report.ts';
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
}

/** VRRP as the running process sees it. */
export interface VrrpHandle {
  start(): void;
  /** Priority 0, addresses released. */
  stop(timeoutMs: number): Promise<void>;
  /** Reads its files again; on an error everything stays as it is. */
  reload(): void;
  /** keepalived's data and stats files. */
  dump(): void;
}

export function makeVrrp(parts: VrrpStart, events: Events, giveUp: (text: string) => void): VrrpHandle {
  const backends = backendsOf(parts.model);
  const serverCounts = backends.map(({ name, serverIndexes }) => ({ name, serverCount: serverIndexes.length }));
  let { vrrp } = parts;
  const service = new VrrpService({
    model: vrrp,
    serverWords: parts.serverWords,
    backends,
    image: parts.image,
    state: null,
    onEvent: (level, text, fields) => events.emit(level, text, fields),
    onGiveUp: (text) => giveUp(text),
  });
  const status = serveStatus(
    () => service.ask('status'),
    (text) => events.emit('warn', text),
  );
  return {
    start: () => void service.start(),
    stop: (timeoutMs) => {
      status.close();
      return service.stop(timeoutMs);
    },
    reload: () => {
      const { model, remarks } = loadVrrp(parts.files, serverCounts);
      for (const { severity, text } of remarks) {
        if (severity !== 'notice') events.emit(severity === 'error' ? 'error' : 'warn', text);
      }
      if (model === null) return events.emit('error', 'keepalived.conf has errors: what runs stays as it is');
      vrrp = model;
      service.reload(model, backends);
    },
    dump: () => {
      void service.ask('status').then((answer) => {
        if (answer?.kind !== 'status') return;
        for (const failure of writeDumps(vrrp, answer)) events.emit('error', failure);
      });
    },
  };
}

function backendsOf(model: Model): VrrpBackend[] {
  return model.proxies
    .filter((proxy) => proxy.kind !== 'frontend')
    .map(({ name, servers }) => ({ name, serverIndexes: servers.map((server) => server.index) }));
}
