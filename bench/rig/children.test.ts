import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runChild, startChild } from './children.ts';

test('a program that cannot be executed is an error that names it', async () => {
  await assert.rejects(startChild('/no/such/program', []), /cannot start \/no\/such\/program/);
});

test('output and status of a program come back', async () => {
  const said = await runChild('sh', ['-c', 'echo out; echo err >&2; exit 3'], 10_000);
  assert.deepEqual(said, { code: 3, stdout: 'out\n', stderr: 'err\n' });
});

test('a program that runs too long is ended and reported', async () => {
  await assert.rejects(runChild('sleep', ['60'], 50), /did not end within 50 ms/);
});

test('a child that ignores SIGTERM is killed after its grace', async () => {
  const child = await startChild('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done']);
  await new Promise<void>((resolve) => child.process.stdout!.once('data', () => resolve()));
  await child.stop('SIGTERM', 50);
  assert.equal(child.hasExited(), true);
  assert.equal((await child.exited).signal, 'SIGKILL');
  assert.match(child.lastWords(), /ready/);
});

test('the open-file limit is raised for the child, whose pid stays the one we know, and is never lowered', async () => {
  const limitOf = async (openFileMin: number): Promise<number> => {
    const { stdout } = await runChild('sh', ['-c', 'ulimit -Sn'], 10_000, { openFileMin });
    return stdout.trim() === 'unlimited' ? Number.POSITIVE_INFINITY : Number(stdout);
  };
  const usual = await limitOf(0);
  assert.equal(await limitOf(16), usual);
  assert.ok((await limitOf(usual + 1)) >= usual);

  const child = await startChild('sh', ['-c', 'echo $$'], { openFileMin: 16 });
  await child.exited;
  assert.equal(Number(child.lastWords()), child.pid);
});
