// The fuzz helper itself, and the canary: a fuzzer that cannot fail finds nothing.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fuzz } from './fuzz.ts';

/** Runs a fuzzer that fails on the given condition in a process of its own; returns its output. */
function runCanary(condition: string, env: Record<string, string>): { output: string; code: number | null } {
  const url = new URL('./fuzz.ts', import.meta.url).href;
  const script = `import { fuzz } from ${JSON.stringify(url)};
    let index = 0;
    fuzz('canary', (prng) => { const value = prng.next32(); index++; if (${condition}) throw new Error('found ' + value); });`;
  const run = spawnSync(process.execPath, ['--input-type=module-typescript', '--test-reporter=tap', '-e', script], {
    encoding: 'utf8',
    env: { ...process.env, NODE_TEST_CONTEXT: '', ...env },
  });
  return { output: run.stdout + run.stderr, code: run.status };
}

test('a failing case is found and its words replay exactly that case', () => {
  const first = runCanary('index === 5', { FUZZ_SEED: '100', FUZZ_CASES: '50' });
  assert.notEqual(first.code, 0, first.output);
  const value = /found (\d+)/.exec(first.output)?.[1];
  const replay = /FUZZ_SEED=(\d+) FUZZ_CASES=(\d+)/.exec(first.output);
  assert.ok(value !== undefined && replay !== null, first.output);
  const second = runCanary(`value === ${value}`, { FUZZ_SEED: replay[1]!, FUZZ_CASES: replay[2]! });
  assert.notEqual(second.code, 0, second.output);
  assert.match(second.output, new RegExp(`found ${value}`));
});

test('as many cases run as FUZZ_CASES says', () => {
  assert.equal(runCanary('index > 30', { FUZZ_CASES: '30' }).code, 0);
  assert.notEqual(runCanary('index > 30', { FUZZ_CASES: '31' }).code, 0);
});

test('a FUZZ_CASES that is no number stops the run', () => {
  const run = runCanary('false', { FUZZ_CASES: 'many' });
  assert.notEqual(run.code, 0);
  assert.match(run.output, /FUZZ_CASES is not a whole number/);
});

fuzz('every case has numbers of its own', (prng) => {
  assert.notEqual(prng.next32(), prng.next32());
});
