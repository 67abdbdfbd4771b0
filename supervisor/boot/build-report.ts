// The facts behind `-vv` that must be found out on this machine.

import { availableParallelism } from 'node:os';
import { THREAD_COUNT_MAX } from '../../core/base/limits.ts';
import { SYS_io_uring_setup } from '../../core/sys/abi.ts';
import { errnoText } from '../../core/sys/errno.ts';
import { lastErrno } from '../../core/sys/ffi.ts';
import { close, io_uring_setup } from '../../core/sys/libc.ts';
import { buildText } from './usage.ts';

const PARAMS_BYTES = 120; // sizeof(struct io_uring_params)

export function buildReport(): string {
  const fd = io_uring_setup(SYS_io_uring_setup, 2, new Uint32Array(PARAMS_BYTES / 4));
  const uringReason = fd < 0 ? errnoText(lastErrno()) : '';
  if (fd >= 0) close(fd);
  return buildText({
    node: process.versions.node,
    uringUsable: fd >= 0,
    uringReason,
    threadCount: Math.min(availableParallelism(), THREAD_COUNT_MAX),
    threadCountMax: THREAD_COUNT_MAX,
  });
}
