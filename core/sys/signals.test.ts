// Goal: a disarmed real-time signal neither ends the process nor reaches what it starts. Method: a process does it to
// itself, and a program that it starts afterwards shows its own dispositions.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MODULE = fileURLToPath(new URL('./signals.ts', import.meta.url));
const NUMBERS = [36, 63, 64];

const program = (disarmed: readonly number[]): string => `
  import { execFileSync } from 'node:child_process';
  import { disarmSignals } from ${JSON.stringify(MODULE)};
  disarmSignals(${JSON.stringify(disarmed)});
  for (const number of ${JSON.stringify(NUMBERS)}) process.kill(process.pid, number);
  process.stdout.write(execFileSync('grep', ['SigIgn', '/proc/self/status']));
`;

const run = (disarmed: readonly number[]): ReturnType<typeof spawnSync> =>
  spawnSync(process.execPath, ['--input-type=module', '-e', program(disarmed)], { encoding: 'utf8' });

test('a disarmed signal does nothing, and programs started later have its default again', () => {
  const { status, stdout, stderr } = run(NUMBERS);
  assert.equal(status, 0, String(stderr));
  const ignored = BigInt(`0x${/SigIgn:\s+([0-9a-f]+)/.exec(String(stdout))![1]!}`);
  for (const number of NUMBERS) assert.equal((ignored >> BigInt(number - 1)) & 1n, 0n, `signal ${number}`);
});

test('one that is not disarmed ends the process', () => {
  const { status } = run(NUMBERS.slice(1));
  assert.notEqual(status, 0);
});
