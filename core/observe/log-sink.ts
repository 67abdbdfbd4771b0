// Where lines go: one channel per distinct address of the configuration, shared by all proxies that log there.
//
// Lines are written straight into the writer's memory and leave once per turn (flush). The writer is a port: this
// room knows no sockets; core/io/log-socket.ts has the real one and a worker hands it in.

import type { Model } from '../model/model.ts';
import type { LogTarget } from '../model/proxy.ts';

export type LogAddress = LogTarget['address'];

/** What a sink needs of the machine. All of it is called from the thread that made it. */
export interface LogWriter {
  /** The memory lines are written to. */
  readonly bytes: Uint8Array;

  /** A new channel to `address`. Never throws: an address that cannot be opened loses its lines and counts them. */
  open(address: LogAddress): number;

  /** Offset in `bytes` where up to `lengthMax` bytes may be written for `channel` until commit; -1: no room, lost. */
  reserve(channel: number, lengthMax: number): number;

  /** The line of `length` bytes that stands where the last reserve of `channel` said. */
  commit(channel: number, length: number): void;

  /**
   * Sends what it can without blocking. False when lines are left because a receiver is busy: call it again soon,
   * even if nothing new was logged.
   */
  flush(): boolean;

  /** Lines lost because the receiver, or the room for waiting lines, was full. */
  droppedCount: number;

  /** Lines lost to an error, and the last such error's text. */
  failedCount: number;
  failure: string;
}

const REPORT_INTERVAL_MS = 1000;

export class LogSink {
  readonly writer: LogWriter;

  private readonly channels = new Map<string, number>();
  private reportedDropped = 0;
  private reportedFailed = 0;
  private reportedAtMs = Number.NEGATIVE_INFINITY;

  constructor(writer: LogWriter) {
    this.writer = writer;
  }

  /** The channel of this address, opened when it is the first to name it. */
  channel(address: LogAddress): number {
    const key = addressKey(address);
    let channel = this.channels.get(key);
    if (channel === undefined) {
      channel = this.writer.open(address);
      this.channels.set(key, channel);
    }
    return channel;
  }

  /**
   * What the operator should be told about lost lines: '' for nothing new, and nothing more than once a second.
   * @param nowMs any monotonic clock
   */
  takeLossReport(nowMs: number): string {
    const writer = this.writer;
    const dropped = writer.droppedCount - this.reportedDropped;
    const failed = writer.failedCount - this.reportedFailed;
    if (dropped === 0 && failed === 0) return '';
    if (nowMs - this.reportedAtMs < REPORT_INTERVAL_MS) return '';
    this.reportedAtMs = nowMs;
    this.reportedDropped = writer.droppedCount;
    this.reportedFailed = writer.failedCount;
    const parts: string[] = [];
    if (dropped > 0) parts.push(`${dropped} dropped because their receiver is too slow`);
    if (failed > 0) parts.push(`${failed} not sent: ${writer.failure}`);
    return `log lines lost: ${parts.join('; ')}`;
  }
}

/** Every address that the model's proxies and its global section log to, each once. */
export function logAddresses(model: Model): LogAddress[] {
  const addresses = new Map<string, LogAddress>();
  const targets = [...model.global.log, ...model.proxies.flatMap((proxy) => proxy.log)];
  for (const target of targets) addresses.set(addressKey(target.address), target.address);
  return [...addresses.values()];
}

function addressKey(address: LogAddress): string {
  switch (address.family) {
    case 'inet':
      return `inet ${address.host} ${address.port}`;
    case 'inet6':
      return `inet6 ${address.host} ${address.scope} ${address.port}`;
    case 'unix':
      return `unix ${address.path}`;
    case 'abns':
      return `abns ${address.zeroTerminated} ${address.name}`;
    case 'fd':
      return `fd ${address.fd}`;
    default:
      return `fd ${address.family === 'stdout' ? 1 : 2}`;
  }
}
