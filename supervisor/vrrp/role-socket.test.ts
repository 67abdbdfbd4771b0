// Goal: the role goes to the successor that may have it, once asked for, and to nobody else. Method: both ends in this
// process, over a name of the test's own.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { askForRole, type Role, serveRole } from './role-socket.ts';

const ROLE: Role = { state: { version: 1, instances: [{ name: 'V' }] }, takenAtMs: 12.5 };

async function serve(context: TestContext, give: () => Promise<Role | null>): Promise<string> {
  const name = `\0weir-role-test-${process.pid}-${context.name.length}`;
  const server = serveRole(give, (text) => assert.fail(text), name);
  await new Promise((resolve) => server.once('listening', resolve));
  context.after(() => server.close());
  return name;
}

test('a successor gets the role of the process it names', async (context) => {
  const name = await serve(context, async () => ROLE);
  assert.deepEqual(await askForRole([1, process.pid], name), ROLE);
});

test('nothing is taken from a process that is not named, nor by a connection alone', async (context) => {
  let given = 0;
  const name = await serve(context, async () => {
    given++;
    return ROLE;
  });
  assert.equal(await askForRole([1], name), null);
  const socket = connect(name);
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.end();
  await new Promise((resolve) => socket.resume().once('close', resolve));
  assert.equal(given, 0);
});

test('where no election runs, or it has no role to give, there is none', async (context) => {
  assert.equal(await askForRole([process.pid], `\0weir-role-test-${process.pid}-nobody`), null);
  const name = await serve(context, async () => null);
  assert.equal(await askForRole([process.pid], name), null);
});
