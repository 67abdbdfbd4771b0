// What two configurations' addresses, routes or rules differ in.

interface Sited {
  file: string;
  line: number;
}

/** `gone` are in `before` alone, `added` in `after` alone. Where in the file they stand does not count. */
export function difference<T extends Sited>(before: readonly T[], after: readonly T[]): { gone: T[]; added: T[] } {
  const keyOf = (each: T): string => JSON.stringify({ ...each, file: '', line: 0 });
  const had = new Set(before.map(keyOf));
  const wants = new Set(after.map(keyOf));
  return {
    gone: before.filter((each) => !wants.has(keyOf(each))),
    added: after.filter((each) => !had.has(keyOf(each))),
  };
}
