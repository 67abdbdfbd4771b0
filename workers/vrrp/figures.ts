// How well the thread keeps its times: counts that `weir vrrp` and the tests of jitter read.

import type { VrrpFigures } from '../../core/model/vrrp-worker.ts';

/** Upper bounds of lateness classes, milliseconds; one more class holds the rest. */
export const LATE_MS_BOUNDS = [0.1, 0.25, 0.5, 1, 2, 3, 5, 10] as const;

export class Figures {
  packetsIn = 0;
  packetsOut = 0;
  packetsDropped = 0;
  sendErrors = 0;
  private turnCount = 0;
  private deadlineCount = 0;
  private lateMsMax = 0;
  private turnMsMax = 0;
  private readonly lateCounts: number[] = new Array(LATE_MS_BOUNDS.length + 1).fill(0);

  deadlineMet(lateMs: number): void {
    this.deadlineCount++;
    if (lateMs > this.lateMsMax) this.lateMsMax = lateMs;
    let index = 0;
    while (index < LATE_MS_BOUNDS.length && lateMs > LATE_MS_BOUNDS[index]!) index++;
    this.lateCounts[index]!++;
  }

  turnDone(durationMs: number): void {
    this.turnCount++;
    if (durationMs > this.turnMsMax) this.turnMsMax = durationMs;
  }

  snapshot(
    standing: Pick<VrrpFigures, 'realtime' | 'memoryLocked' | 'netlinkErrors' | 'netlinkOverruns'>,
  ): VrrpFigures {
    return {
      turnCount: this.turnCount,
      deadlineCount: this.deadlineCount,
      lateMsMax: this.lateMsMax,
      lateCounts: [...this.lateCounts],
      packetsIn: this.packetsIn,
      packetsOut: this.packetsOut,
      packetsDropped: this.packetsDropped,
      sendErrors: this.sendErrors,
      turnMsMax: this.turnMsMax,
      ...standing,
    };
  }
}
