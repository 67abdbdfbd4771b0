// What a machine that stood still may conclude from silence: nothing. A virtual machine's processor can be gone for a
// tenth of a second, and the neighbour's with it when both share a host; its adverts come right after.
//
// So a backup whose Master_Down timer (RFC 9568 §6.4.2, Active_Down_Timer) is acted on noticeably late waits once more,
// for one advertisement interval, before it takes over. A dead master is replaced that much later, and only then.

const LATE_PART = 0.25; // of an interval: beyond the lateness of a loaded machine, below what hides an advert

export class Standstill {
  private isGranted = false; // since the timer was last set by a packet

  /** Whether a timer met `lateMs` after it was due runs for one more interval; no twice in a row. */
  grants(lateMs: number, intervalMs: number): boolean {
    if (this.isGranted || lateMs <= intervalMs * LATE_PART) return false;
    this.isGranted = true;
    return true;
  }

  /** The master was heard. */
  forget(): void {
    this.isGranted = false;
  }
}
