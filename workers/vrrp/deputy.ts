// The deputy of the VRRP thread: sends the master's adverts, from another processor, when the thread is late with them
// (core/shared/deputy-board.ts). It decides nothing, holds nothing and receives nothing.
//
// It wakes once an interval, a little after the advert was due, finds that the router has moved on, and sleeps again.
// Where the router runs it does not: two threads on a processor that is taken away are worth no more than one.

import { monotonicExactMs as nowMs } from '../../core/base/clock.ts';
import type { VrrpDeputyData } from '../../core/model/vrrp-worker.ts';
import { DeputyBoard, type SendPacket } from '../../core/shared/deputy-board.ts';
import { POLLIN } from '../../core/sys/abi.ts';
import * as libc from '../../core/sys/libc.ts';
import { PacketIo, Poller } from '../../core/sys/packet-io.ts';
import { processorsAllowed, setAffinity } from '../../core/sys/realtime.ts';
import { applyScheduling, missingCapability } from './privileges.ts';

const PACKET_BYTES_MAX = 64 * 1024;
const WAIT_MS_MAX = 1_000; // a process that exits without further ado waits for its threads

class Deputy {
  private readonly data: VrrpDeputyData;
  private readonly board: DeputyBoard;
  private readonly io = new PacketIo(PACKET_BYTES_MAX);
  private readonly poller = new Poller(1);
  private readonly wakeBytes = new Uint8Array(8);
  private readonly send: SendPacket;
  private allowed: readonly number[] = [];
  private shunned = -1; // the processor that this thread keeps away from

  constructor(data: VrrpDeputyData) {
    this.data = data;
    this.board = new DeputyBoard(data.board);
    this.poller.watch([data.wakeFd], POLLIN);
    const { io } = this;
    this.send = (fd, flags, interfaceIndex, source, target, bytes) => {
      io.data.set(bytes);
      return io.send(fd, bytes.length, target, flags, source, interfaceIndex);
    };
  }

  /** Until the board says stop. */
  run(): void {
    missingCapability(); // raises them; what is missing and what is refused the VRRP thread has said already

    applyScheduling(this.data.global, () => {});
    this.allowed = processorsAllowed();
    this.board.begin();
    while (!this.board.isStopped) this.turn();
  }

  private turn(): void {
    const { board } = this;
    this.keepAway();
    board.speak(nowMs(), this.send);
    const nextMs = board.nextMs(nowMs());
    board.sleepUntil(nextMs);
    // What was armed before we said how long we sleep did not wake us.
    if (board.nextMs(nowMs()) < nextMs) return;
    this.poller.wait(Math.max(0, Math.min(WAIT_MS_MAX, nextMs - nowMs())));
    if (this.poller.ready(0) !== 0) libc.read(this.data.wakeFd, this.wakeBytes, 8);
  }

  private keepAway(): void {
    const { processor } = this.board;
    if (processor === this.shunned || libc.sched_getcpu() !== processor) return;
    const others = this.allowed.filter((index) => index !== processor);
    if (others.length > 0 && setAffinity(others) === 0) this.shunned = processor;
  }
}

export function runDeputy(data: VrrpDeputyData): void {
  new Deputy(data).run();
}
