// The entry of the VRRP thread's deputy; hurries for the reason that main.ts gives.

import { workerData } from 'node:worker_threads';
import type { VrrpDeputyData } from '../../core/model/vrrp-worker.ts';
import { hurry } from './privileges.ts';

hurry();
const { runDeputy } = await import('./deputy.ts');
runDeputy(workerData as VrrpDeputyData);
