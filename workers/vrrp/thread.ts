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

let fromPredecessor: ToVrrpWorker | null = null;

// Whatever the supervisor posted to both of us before the predecessor was asked for its state comes before that state:
// a configuration that is part of it. So the inbox is looked at first, and its message taken last.
function take(): ToVrrpWorker | null {
  if (inbox !== null) fromPredecessor ??= next(inbox);
  const message = next(port!);
  // The supervisor saw the predecessor end and does not know whether it left a state: if so, it is here by now.
  const isOrphaned = message?.kind === 'adopt' && message.state === null && inbox !== null;
  if (isOrphaned) fromPredecessor ??= next(inbox);
  if (message !== null && !(isOrphaned && fromPredecessor !== null)) return message;
  const last = fromPredecessor;
  fromPredecessor = null;
  return last;
}

runVrrp(data, {
  post: (message) => port.postMessage(message),
  pass: (heir, message) => (heir as MessagePort).postMessage(message),
  take,
});
inbox?.close();
port.close();
