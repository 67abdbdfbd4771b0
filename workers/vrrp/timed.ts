// What a turn of the loop does in time: when it wants to be called, and what it does then, side by side.

export interface Timed {
  /** A turn must come by then; Infinity: not for its sake. */
  nextMs: (now: number) => number;
  /** Called in every turn: looks itself whether anything is due. */
  onTime: (now: number) => void;
}

/** For what is done once its time has come, and not before. */
export const due = ({ nextMs, onTime }: Timed): Timed => ({
  nextMs,
  onTime: (now) => {
    if (now >= nextMs(now)) onTime(now);
  },
});
