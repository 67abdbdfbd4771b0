// Seeded fuzzing on node:test: each fuzzer is one test of many cases, each case has its own seed, and a failure
// prints the words that replay exactly that case.
//
// FUZZ_CASES: how many cases (2000 unless told otherwise; the nightly form asks for 1000000).
// FUZZ_SEED: the first seed; random unless told otherwise. Case n runs from seed FUZZ_SEED+n.

import { test } from 'node:test';
import { Prng } from '../base/prng.ts';

const CASES_DEFAULT = 2000;

/** Reads a whole number from the environment; anything else is the operator's mistake and stops the run. */
function numberFromEnv(name: string, otherwise: number): number {
  const text = process.env[name];
  if (text === undefined || text === '') return otherwise;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${name} is not a whole number: ${text}`);
  return value;
}

/**
 * Registers a test that calls `run` once per case with a fresh Prng. `run` throws to fail the case.
 * @param caseShare divides the number of cases, for a fuzzer whose cases are that much slower than others'
 */
export function fuzz(name: string, run: (prng: Prng) => void, caseShare = 1): void {
  test(`fuzz: ${name}`, () => {
    const caseCount = Math.max(1, Math.floor(numberFromEnv('FUZZ_CASES', CASES_DEFAULT) / caseShare));
    const seed = numberFromEnv('FUZZ_SEED', Math.floor(Math.random() * 0x8000_0000));
    for (let index = 0; index < caseCount; index++) {
      const caseSeed = (seed + index) >>> 0;
      try {
        run(new Prng(caseSeed));
      } catch (error) {
        const replay = `case ${index} of ${caseCount}; replay it with FUZZ_SEED=${caseSeed} FUZZ_CASES=${caseShare}`;
        const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
        throw new Error(`fuzz ${name} failed at seed ${seed}, ${replay}\n${reason}`, { cause: error });
      }
    }
  });
}
