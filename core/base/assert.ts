// Assertions stay on in production: a broken invariant stops this worker and the fleet starts another.

export class AssertionFailure extends Error {
  override name = 'AssertionFailure';
}

/** Throws when `condition` is false. `message` is a constant: building one per call would cost more than the check. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

/** For the branch that cannot be reached; the type proves it, the throw covers the case that the types lied. */
export function unreachable(value: never, message: string): never {
  throw new AssertionFailure(`${message}: ${String(value)}`);
}
