// Answers to the supervisor's questions: how the election stands, for `weir vrrp` and its dumps.

import type { VrrpAnswer, VrrpQuestion } from '../../core/model/vrrp-worker.ts';
import type { BackendTracking } from './backends.ts';
import type { Figures } from './figures.ts';
import type { Interfaces } from './interfaces.ts';
import type { Kernel } from './kernel.ts';
import type { Standing } from './privileges.ts';
import type { Sockets } from './sockets.ts';
import { estateOf, type Testators } from './succession.ts';

/** Who knows the answers. */
export interface Witnesses extends Testators {
  kernel: Kernel;
  interfaces: Interfaces;
  sockets: Sockets;
  backends: BackendTracking;
  figures: Figures;
  standing: Standing;
}

export function answerTo(question: VrrpQuestion, witnesses: Witnesses, now: number): VrrpAnswer {
  switch (question) {
    case 'status':
      return statusOf(witnesses, now);
    case 'export':
      return { kind: 'state', state: estateOf(witnesses, now), takenAtMs: now };
    case 'clear-counters':
      witnesses.router.clearCounters();
      witnesses.bfd.clearCounters();
      return { kind: 'done' };
  }
}

function statusOf(witnesses: Witnesses, now: number): VrrpAnswer {
  const { kernel, interfaces, sockets, backends, router, bfd, figures, standing } = witnesses;
  const { errorCount: netlinkErrors, overrunCount: netlinkOverruns } = kernel;
  return {
    kind: 'status',
    instances: router.status(now),
    groups: router.groups(),
    nowMs: now,
    figures: figures.snapshot({ ...standing, netlinkErrors, netlinkOverruns }),
    sockets: sockets.describe(),
    backends: backends.status(),
    links: interfaces.standings(),
    bfd: bfd.status(now),
    bfdDrops: bfd.drops,
  };
}
