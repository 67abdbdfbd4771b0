// Goal: memory can be locked in a process that goes on to compile and collect. Method: a process locks it and then makes
// its engine allocate code and give memory back, which a locked heap would not survive.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MODULE = fileURLToPath(new URL('./realtime.ts', import.meta.url));
const program = `
  import { readFileSync } from 'node:fs';
  import { lockMemory } from ${JSON.stringify(MODULE)};
  const errno = lockMemory();
  let sum = 0;
  const kept = [];
  for (let index = 0; index < 2000; index++) {
    const made = new Function('a', 'let s = 0; for (let i = 0; i < 300; i++) s += a * ' + index + ' + i; return s;');
    for (let round = 0; round < 60; round++) sum += made(round);
    kept.push(made);
  }
  const locked = Number(/VmLck:\\s+(\\d+) kB/.exec(readFileSync('/proc/self/status', 'latin1'))[1]);
  process.stdout.write(JSON.stringify({ errno, locked, count: kept.length }));
`;

test('a process that has locked its memory goes on compiling', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  const { errno, locked, count } = JSON.parse(stdout);
  assert.equal(count, 2000);
  // Without CAP_IPC_LOCK there is a limit, which the program's code alone exceeds.
  if (process.geteuid!() === 0) assert.equal(errno, 0);
  if (errno === 0) assert.ok(locked > 1_000, `${locked} kB`);
});
