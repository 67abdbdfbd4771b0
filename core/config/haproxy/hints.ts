// "did you mean … maybe ?": which known word looks most like an unknown one.
//
// A word's fingerprint counts the steps from one class of character to the next (26 letters, digits, others; the
// word's ends count as others). Two words are as far apart as their counts differ in sum. The measure and the
// cut-off are HAProxy's, so that the hints are the same.

const CLASS_COUNT = 32;
const OTHER = 28;
const DIGIT = 27;

function classOf(code: number): number {
  if (code >= 97 && code <= 122) return code - 96;
  if (code >= 65 && code <= 90) return code - 64;
  if (code >= 48 && code <= 57) return DIGIT;
  return OTHER;
}

/** Steps between classes of characters at 32·from+to; the first 32 cells flag the classes that occur. */
export function fingerprint(word: string): Uint8Array {
  const counts = new Uint8Array(CLASS_COUNT * CLASS_COUNT);
  let from = OTHER;
  for (let at = 0; at < word.length; at++) {
    const to = classOf(word.charCodeAt(at));
    counts[to] = 1;
    counts[CLASS_COUNT * from + to]!++;
    from = to;
  }
  counts[CLASS_COUNT * from + OTHER]!++;
  return counts;
}

/** How far apart two fingerprints are; 0 for equal ones. */
export function fingerprintDistance(left: Uint8Array, right: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < left.length; at++) sum += Math.abs(left[at]! - right[at]!);
  return sum;
}

/** The best of `candidates`, or '' when none is close enough. On a tie the first wins. */
export function bestMatch(word: string, candidates: Iterable<string>): string {
  const wanted = fingerprint(word);
  let best = '';
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const between = fingerprintDistance(wanted, fingerprint(candidate));
    if (between < bestDistance) {
      bestDistance = between;
      best = candidate;
    }
  }
  return bestDistance > 2 * word.length || bestDistance > 2 * best.length ? '' : best;
}
