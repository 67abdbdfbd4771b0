// Medians and spreads: what is left of a noisy machine when runs alternate.

export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** Median (mean of the middle two for an even count), least and greatest. `values` holds at least one. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new Error('no values to take the median of');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted[sorted.length - 1]! };
}

/** Value by value, `ours[i] / theirs[i]`, of the rounds where both exist and the divisor is not 0; null without any. */
export function ratioSpread(ours: readonly number[], theirs: readonly number[]): Spread | null {
  const ratios: number[] = [];
  for (let round = 0; round < Math.min(ours.length, theirs.length); round++) {
    if (theirs[round]! > 0) ratios.push(ours[round]! / theirs[round]!);
  }
  return ratios.length === 0 ? null : spreadOf(ratios);
}
