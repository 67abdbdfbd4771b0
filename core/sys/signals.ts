// Signals that Node cannot receive, kept from ending the process (signal(7)).

import { symbolAddress } from './ffi.ts';
import { signal } from './libc.ts';

/**
 * From now on these signals do nothing to this process. They are caught rather than ignored, since an ignored one would
 * stay ignored in every program started later, while execve(2) gives caught ones back their default. What catches them
 * is abs(3): it takes an int, touches nothing, and may run at any moment.
 */
export function disarmSignals(numbers: readonly number[]): void {
  const harmless = symbolAddress('abs');
  for (const number of numbers) signal(number, harmless);
}
