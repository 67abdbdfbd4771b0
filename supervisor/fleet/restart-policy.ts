// When a crashed thread is started again, and when weir gives up: facts and time in, a verdict out.
//
// A lone crash costs nothing: the thread is replaced at once. Crashes of one slot that follow each other within
// CALM_MS wait longer and longer, so that a fault that every connection triggers does not eat the machine. A thread
// that dies before it ever served cannot be helped by trying on, nor can a process that does little but crash.

const CALM_MS = 10_000; // after so long without a crash, a slot's history is forgotten
const DELAY_MS_MIN = 50;
const DELAY_MS_MAX = 1_000;
const START_FAILURES_MAX = 5; // in a row, of one slot
const CRASHES_MAX = 60; // of all slots within CRASH_WINDOW_MS
const CRASH_WINDOW_MS = 60_000;

export type Verdict = { restart: true; delayMs: number } | { restart: false; reason: string };

interface SlotHistory {
  lastCrashMs: number;
  crashCount: number; // since it was calm
  startFailureCount: number; // in a row
}

export class RestartPolicy {
  private readonly slots: SlotHistory[] = [];
  private readonly crashTimesMs: number[] = [];

  constructor(threadCount: number) {
    for (let index = 0; index < threadCount; index++) {
      this.slots.push({ lastCrashMs: -CALM_MS, crashCount: 0, startFailureCount: 0 });
    }
  }

  /** `wasReady`: the thread had served before it crashed. Times are of one monotonic clock, in ms. */
  crashed(threadIndex: number, wasReady: boolean, nowMs: number): Verdict {
    const slot = this.slots[threadIndex]!;
    if (nowMs - slot.lastCrashMs >= CALM_MS) slot.crashCount = 0;
    slot.lastCrashMs = nowMs;
    slot.crashCount++;
    slot.startFailureCount = wasReady ? 0 : slot.startFailureCount + 1;
    if (slot.startFailureCount >= START_FAILURES_MAX) {
      return { restart: false, reason: `thread ${threadIndex} failed to start ${START_FAILURES_MAX} times in a row` };
    }
    this.crashTimesMs.push(nowMs);
    while (this.crashTimesMs[0]! <= nowMs - CRASH_WINDOW_MS) this.crashTimesMs.shift();
    if (this.crashTimesMs.length >= CRASHES_MAX) {
      return { restart: false, reason: `${CRASHES_MAX} crashes within ${CRASH_WINDOW_MS / 1000} seconds` };
    }
    return { restart: true, delayMs: delayMs(slot.crashCount) };
  }
}

function delayMs(crashCount: number): number {
  return crashCount <= 1 ? 0 : Math.min(DELAY_MS_MIN * 2 ** (crashCount - 2), DELAY_MS_MAX);
}
