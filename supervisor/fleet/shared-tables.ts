// The memory all threads share, made once before the first thread and kept until the process ends.

import type { Model } from '../../core/model/model.ts';
import type { SharedBuffers } from '../../core/model/worker-data.ts';
import { Counters } from '../../core/shared/counters.ts';
import { FdOwners } from '../../core/shared/fd-owners.ts';
import { Rotations } from '../../core/shared/rotations.ts';
import { ServerLoad } from '../../core/shared/server-load.ts';
import { ServerWords } from '../../core/shared/server-words.ts';
import { WakeBoard } from '../../core/shared/wake.ts';
import { EFD_CLOEXEC, EFD_NONBLOCK } from '../../core/sys/abi.ts';
import { check } from '../../core/sys/errno.ts';
import { eventfd, eventfd_write } from '../../core/sys/libc.ts';
import { StickTable } from '../../core/tables/stick-table.ts';

/** The supervisor's own view of each table, and the buffers that go to the threads. */
export interface SharedTables {
  serverWords: ServerWords;
  serverLoad: ServerLoad;
  counters: Counters;
  rotations: Rotations;
  fdOwners: FdOwners;
  tables: readonly StickTable[]; // by Model.tables index
  wake: WakeBoard;
  buffers: SharedBuffers;
}

/** `fdLimit` is RLIMIT_NOFILE as it will stay. Opens one eventfd a thread slot; throws SysError when it cannot. */
export function createSharedTables(model: Model, threadCount: number, fdLimit: number): SharedTables {
  const serverWords = ServerWords.create(model);
  const serverLoad = ServerLoad.create(model, threadCount);
  const counters = Counters.create(model, threadCount);
  const rotations = Rotations.create(model, threadCount);
  const fdOwners = FdOwners.create(fdLimit);
  const tables = model.tables.map((table) => StickTable.create(table, threadCount));
  // EAGAIN means that the counter is full: the thread is awake already.
  const wake = WakeBoard.create(threadCount, (fd) => void eventfd_write(fd, 1));
  for (let threadIndex = 0; threadIndex < threadCount; threadIndex++) {
    wake.publish(threadIndex, check('eventfd', eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)));
  }
  return {
    serverWords,
    serverLoad,
    counters,
    rotations,
    fdOwners,
    tables,
    wake,
    buffers: {
      serverWords: serverWords.buffer,
      serverLoad: serverLoad.buffer,
      counters: counters.buffer,
      rotations: rotations.buffer,
      fdOwners: fdOwners.buffer,
      tables: tables.map((table) => table.buffer),
      wake: wake.buffer,
    },
  };
}
