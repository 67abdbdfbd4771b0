// Joins the message ports of the VRRP thread to the loop, which then holds the thread until it ends.

import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { ToVrrpWorker, VrrpWorkerData } from '../../core/model/vrrp-worker.ts';
import { runVrrp } from './loop.ts';

const port = parentPort;
if (port === null) throw new Error('the VRRP thread is started by the supervisor');
const data = workerData as VrrpWorkerData;
const inbox = (data.inbox ?? null) as MessagePort | null;

const next = (from: MessagePort): ToVrrpWorker | null =>
  (receiveMessageOnPort(from)?.message as ToVrrpWorker | undefined) ?? null;

runVrrp(data, {
  post: (message) => port.postMessage(message),
  pass: (heir, message) => (heir as MessagePort).postMessage(message),
  take: () => {
    const message = (inbox === null ? null : next(inbox)) ?? next(port);
    // The supervisor saw the predecessor end and does not know whether it left a state: if so, it is here by now.
    const isOrphaned = message?.kind === 'adopt' && message.state === null && inbox !== null;
    return isOrphaned ? (next(inbox) ?? message) : message;
  },
});
inbox?.close();
port.close();
