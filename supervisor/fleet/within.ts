// A wait with a limit.

/** What `done` comes to, or `otherwise` when that takes longer than `timeoutMs`. */
export function within<T>(timeoutMs: number, done: Promise<T>, otherwise: T): Promise<T> {
  const late = Promise.withResolvers<T>();
  const timer = setTimeout(() => late.resolve(otherwise), timeoutMs);
  return Promise.race([done, late.promise]).finally(() => clearTimeout(timer));
}
