// Which engine this thread gets: io_uring where the kernel grants all we need, epoll where it does not.
//
// Refusals met in the field: ENOSYS (built without it), EPERM (a container's seccomp, kernel.io_uring_disabled),
// EINVAL (older than 6.1), and kernels that accept the set-up but lack multishot receive: so a byte is received
// on trial before the engine is handed out.

import { AF_UNIX, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from '../sys/abi.ts';
import { check, EINVAL, ETIMEDOUT, SysError } from '../sys/errno.ts';
import * as libc from '../sys/libc.ts';
import type { Buffers } from './buffers.ts';
import { type Engine, type EngineName, GROUP_BACK } from './engine.ts';
import { EpollEngine } from './epoll.ts';
import { UringEngine } from './uring.ts';

const TRIAL_TURNS_MAX = 50;
const TRIAL_TURN_MS = 20;
const TRIAL_TICKET = 1;

export interface EngineChoice {
  engine: Engine;
  reason: string; // one line for the log: why this engine
}

/** An engine was asked for by name and this kernel does not give it. */
export class EngineRefused extends Error {
  override name = 'EngineRefused';
}

/**
 * The engine for this thread. `wanted` is the operator's --engine, '' when it was not given; then io_uring is
 * tried first. Throws EngineRefused when the engine asked for by name cannot be had, SysError when none can.
 * `wakeFd` is the thread's eventfd, -1 for one of the engine's own; `makeUring` is there for tests.
 */
export function makeEngine(
  wanted: '' | EngineName,
  buffers: Buffers,
  wakeFd = -1,
  makeUring: (buffers: Buffers, wakeFd: number) => Engine = (own, wake) => new UringEngine(own, wake),
): EngineChoice {
  if (wanted === 'epoll') return { engine: new EpollEngine(buffers, wakeFd), reason: 'asked for' };
  try {
    const engine = makeUring(buffers, wakeFd);
    tryReceive(engine);
    return { engine, reason: wanted === 'uring' ? 'asked for' : 'io_uring works on this kernel' };
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    const refusal = `io_uring cannot be used here: ${error.message}${hint(error)}`;
    if (wanted === 'uring') throw new EngineRefused(refusal, { cause: error });
    return { engine: new EpollEngine(buffers, wakeFd), reason: refusal };
  }
}

function hint(error: SysError): string {
  if (error.code === 'EPERM' || error.code === 'EACCES') {
    return '; a seccomp profile or the sysctl kernel.io_uring_disabled forbids it';
  }
  if (error.code === 'ENOSYS') return '; this kernel has none';
  if (error.code === 'EINVAL' || error.code === 'EOPNOTSUPP') return '; it takes Linux 6.1 or newer';
  return '';
}

// Receives one byte by a receive that stays armed, and cancels it. Throws SysError, with the engine stopped.
function tryReceive(engine: Engine): void {
  const fds = new Int32Array(32);
  try {
    check('socketpair', libc.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
    const [own, peer] = [fds[0]!, fds[1]!];
    try {
      receiveOne(engine, own, peer);
    } finally {
      libc.close(own);
      libc.close(peer);
    }
  } catch (error) {
    engine.stop();
    throw error;
  }
}

function receiveOne(engine: Engine, own: number, peer: number): void {
  engine.recvArm(own, GROUP_BACK, TRIAL_TICKET, 0);
  check('write', libc.write(peer, new Uint8Array(1), 1));
  let received = false;
  for (let turn = 0; turn < TRIAL_TURNS_MAX; turn++) {
    engine.turn(TRIAL_TURN_MS);
    while (engine.next()) {
      if (engine.result === 1) {
        engine.buffers.release(engine.bufferId);
        received = engine.more;
        engine.cancel(own, TRIAL_TICKET, 0);
      }
      if (engine.more) continue;
      if (received) return;
      throw new SysError('multishot receive', engine.result < 0 ? -engine.result : EINVAL);
    }
  }
  throw new SysError('multishot receive', ETIMEDOUT);
}
