// The VRRP thread's entry: joins the message port to the loop, which then holds the thread until it ends.

import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { ToVrrpWorker, VrrpWorkerData } from '../../core/model/vrrp-worker.ts';
import { runVrrp } from './loop.ts';

const port = parentPort;
if (port === null) throw new Error('the VRRP thread is started by the supervisor');

runVrrp(workerData as VrrpWorkerData, {
  post: (message) => port.postMessage(message),
  take: () => (receiveMessageOnPort(port)?.message as ToVrrpWorker | undefined) ?? null,
});
port.close();
