// A proxy thread: makes its engine and runtime, then turns the loop until told to stop.
//
// The loop belongs to the engine; libuv gets its turn whenever the supervisor woke us (a message is waiting) and
// at least every TURNS_MAX turns under load. Everything the thread does starts in runTurn (core/proxy/dispatch.ts).

import { parentPort, workerData } from 'node:worker_threads';
import type { FromWorker, ProxyWorkerData, ToWorker } from '../../core/model/worker-data.ts';
import { ProxyLoop } from './loop.ts';

const port = parentPort;
if (port === null) throw new Error('a proxy thread is started by the supervisor');

const post = (message: FromWorker): void => port.postMessage(message);
const loop = new ProxyLoop(workerData as ProxyWorkerData, post);
port.on('message', (message: ToWorker) => loop.receive(message));
loop.start();
