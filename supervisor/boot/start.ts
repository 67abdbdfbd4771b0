// The start order of a process that serves: limits, sockets, pid file, rights, threads (as HAProxy's main()).
//
// What can fail fails before the first connection is accepted, with an ALERT and exit code 1. Old processes named
// by -sf or -st are told only once our sockets listen, and asked to step aside for a moment if they are in the way.

import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Model } from '../../core/model/model.ts';
import type { Listener } from '../../core/model/worker-data.ts';
import { dup2 } from '../../core/sys/libc.ts';
import { readCodeImage } from '../fleet/code-image.ts';
import { createSharedTables } from '../fleet/shared-tables.ts';
import type { CommandLine } from './args.ts';
import type { LoadedConfiguration } from './check.ts';
import { controlName } from './control-names.ts';
import { isDaemonChild, launchDaemon, reportReady } from './daemon.ts';
import { Instance } from './instance.ts';
import { applyLimits } from './limits.ts';
import { type BindResult, type BoundSocket, bindAll, closeControls, closeSockets } from './listeners.ts';
import type { Messages } from './messages.ts';
import { writePidfile } from './pidfile.ts';
import { dropIdentity, enterChroot, warnAboutRoot } from './privileges.ts';

const BIND_TRIES_MAX = 100;
const BIND_RETRY_MS = 10;

/** Starts what the files say; returns once the threads are on their way. Exits the process when it cannot. */
export async function start(
  line: CommandLine,
  configuration: LoadedConfiguration,
  messages: Messages,
  startedAtMs: number,
): Promise<void> {
  const { model: loaded, vrrpFiles: files } = configuration;
  const vrrp = configuration.vrrp !== null && configuration.vrrp.instances.length > 0 ? configuration.vrrp : null;
  const { daemon } = loaded.global; // -D and -db are accounted for
  if (daemon && !isDaemonChild()) return launchDaemon(fdsOf(loaded), messages);
  const nullFd = openSync('/dev/null', 'r+'); // while the root is still the system's

  const threadCount = loaded.global.nbthread;
  const limits = applyLimits(
    loaded,
    { threadCount, maxconn: line.maxconn, memoryMegabytes: line.memoryMegabytes },
    messages,
  );
  if (limits === null) process.exit(1);
  const model = withMaxconn(loaded, limits.maxconn);

  const instance = new Instance(model, messages, line);
  const bound = await bindWithRetry(model, line, messages);
  const { sockets, controls } = bound;
  if (sockets.length === 0 && controls.length === 0 && vrrp === null) {
    messages.mainAlert("No enabled listener found (check for 'bind' directives) ! Exiting.");
    process.exit(1);
  }
  // As HAProxy: scripts and samples find the runtime sockets there.
  if (controls.length > 0) process.env['HAPROXY_CLI'] = controls.map(controlName).join(';');
  if (messages.quiet) redirect(nullFd);
  const pidfile = model.global.pidfile;
  if (daemon && pidfile !== '' && !writePidfile(pidfile, messages)) return giveUp(bound, line);

  warnAboutRoot(model.global, messages);
  const confined = model.global.chroot !== '' || model.global.uid > 0;
  const image = confined ? readCodeImage() : null;
  const election = vrrp === null ? null : await import('../vrrp/boot.ts'); // while its file is within reach
  if (confined) instance.prepareForConfinement();
  // Predecessors keep their role in the election until this process has it, so they are told later, if that is allowed.
  const tellsLater = vrrp !== null && maySignalLater(line.oldPids, model.global.uid);
  if (!enterChroot(model.global.chroot, messages)) return giveUp(bound, line);
  if (!tellsLater) tellOldPids(line.oldPids, line.oldPidsSignal);
  if (confined) election?.keepRights((text) => messages.mainWarning(text));
  if (!dropIdentity(model.global, messages)) return giveUp(null, line);
  if (model.global.uid > 0) election?.limitRights((text) => messages.mainWarning(text));

  const tables = createSharedTables(model, threadCount, limits.fdLimit);
  instance.start({
    threadCount,
    tables,
    sockets,
    controls,
    fdLimit: limits.fdLimit,
    startedAtMs,
    image,
    listeners: (threadIndex) => listenersOf(sockets, threadIndex),
    vrrp:
      election === null || vrrp === null
        ? null
        : (events, giveUpVrrp) => {
            const serverWords = tables.buffers.serverWords;
            return election.makeVrrp(
              { vrrp, files, model, serverWords, image, oldPids: tellsLater ? line.oldPids : [] },
              events,
              giveUpVrrp,
            );
          },
    inheritsRole: tellsLater,
    onRole: () => void tellOldPids(line.oldPids, line.oldPidsSignal),
    onReady: () => {
      if (daemon) {
        redirect(nullFd);
        messages.quiet = true;
        reportReady();
      }
      closeSync(nullFd);
    },
  });
}

/**
 * A copy with the connection limit that was computed; the rest of the command line is in it already. Runtime commands
 * change it, so that threads started later begin with what was commanded.
 */
function withMaxconn(model: Model, maxconn: number): Model {
  const copy = structuredClone(model);
  copy.global.maxconn = maxconn;
  return copy;
}

function fdsOf(model: Model): number[] {
  const fds: number[] = [];
  for (const proxy of model.proxies) {
    for (const bind of proxy.binds) if (bind.address.family === 'fd') fds.push(bind.address.fd);
  }
  for (const { address } of model.global.controlSockets) if (address.family === 'fd') fds.push(address.fd);
  for (const target of [...model.global.log, ...model.proxies.flatMap((proxy) => proxy.log)]) {
    if (target.address.family === 'fd') fds.push(target.address.fd);
  }
  return fds;
}

function listenersOf(sockets: readonly BoundSocket[], threadIndex: number): Listener[] {
  return sockets.map(({ proxyIndex, bindIndex, fds }) => ({
    proxyIndex,
    bindIndex,
    fd: fds[Math.min(threadIndex, fds.length - 1)]!,
  }));
}

async function bindWithRetry(model: Model, line: CommandLine, messages: Messages): Promise<BindResult> {
  const options = { threadCount: model.global.nbthread, reusePort: !line.noReusePort };
  for (let attempt = 0; ; attempt++) {
    const bound = bindAll(model, options);
    const { failures } = bound;
    const alerts = failures.filter((failure) => failure.severity === 'ALERT');
    const helpless = line.oldPids.length === 0 || attempt >= BIND_TRIES_MAX || !alerts.every((each) => each.retryable);
    if (alerts.length === 0 || helpless || tellOldPids(line.oldPids, 'SIGTTOU') === 0) {
      for (const failure of failures) messages.print(failure.severity, failure.text);
      if (alerts.length === 0) return bound;
      messages.mainAlert('Some protocols failed to start their listeners! Exiting.');
      if (attempt > 0) tellOldPids(line.oldPids, 'SIGTTIN');
      process.exit(1);
    }
    closeSockets(bound.sockets);
    closeControls(bound.controls);
    await new Promise((resolve) => setTimeout(resolve, BIND_RETRY_MS));
  }
}

/** How many of them there still are. */
function tellOldPids(pids: readonly number[], signal: NodeJS.Signals): number {
  let told = 0;
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
      told++;
    } catch {
      // It ended by itself, or is not ours.
    }
  }
  return told;
}

// Whether this process, once it runs as `uid` (0 or less: as it is), may still signal all of these (kill(2)).
function maySignalLater(pids: readonly number[], uid: number): boolean {
  if (uid <= 0) return pids.length > 0;
  const isOfUser = (pid: number): boolean => {
    try {
      return new RegExp(`^Uid:\\s+${uid}\\s`, 'm').test(readFileSync(`/proc/${pid}/status`, 'latin1'));
    } catch {
      return true; // it has ended
    }
  };
  return pids.length > 0 && pids.every(isOfUser);
}

function giveUp(bound: BindResult | null, line: CommandLine): never {
  if (bound !== null) {
    closeSockets(bound.sockets);
    closeControls(bound.controls);
  }
  tellOldPids(line.oldPids, 'SIGTTIN');
  process.exit(1);
}

function redirect(nullFd: number): void {
  for (let fd = 0; fd <= 2; fd++) dup2(nullFd, fd);
}
