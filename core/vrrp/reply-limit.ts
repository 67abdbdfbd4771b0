// A master answers at most this often per interval to stopping or lower routers: a flood must not be amplified, and
// still the answer comes before a backup of usual priority (below 240) takes over after its skew.

const REPLIES_PER_INTERVAL = 16;

export class ReplyLimit {
  private answeredAtMs = -Infinity;
  private isPutOff = false;

  may(nowMs: number, advertIntMs: number): boolean {
    return nowMs - this.answeredAtMs >= advertIntMs / REPLIES_PER_INTERVAL;
  }

  onAnswer(nowMs: number): void {
    this.answeredAtMs = nowMs;
  }

  /** Not now; returns when the answer may be sent. */
  putOff(advertIntMs: number): number {
    this.isPutOff = true;
    return this.answeredAtMs + advertIntMs / REPLIES_PER_INTERVAL;
  }

  /** An advert went out: if an answer was put off, this was it. */
  onSent(nowMs: number): void {
    if (!this.isPutOff) return;
    this.isPutOff = false;
    this.answeredAtMs = nowMs;
  }
}
