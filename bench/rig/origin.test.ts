import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { startHttpOrigin, startTcpOrigin } from './origin.ts';

test('an HTTP origin says who it is and what it was asked, as JSON or as text', async () => {
  const origin = await startHttpOrigin('alder');
  try {
    const base = `http://127.0.0.1:${origin.port}`;
    const posted = await fetch(`${base}/a?b=c`, {
      method: 'POST',
      body: 'twelve bytes',
      headers: { 'x-forwarded-for': '192.0.2.1' },
    });
    assert.equal(posted.headers.get('x-origin'), 'alder');
    assert.deepEqual(await posted.json(), {
      origin: 'alder',
      method: 'POST',
      host: `127.0.0.1:${origin.port}`,
      path: '/a?b=c',
      forwardedFor: '192.0.2.1',
      bodyBytes: 12,
    });
    const text = await (await fetch(`${base}/`, { headers: { accept: 'text/plain' } })).text();
    assert.match(text, /^origin: alder\nmethod: GET\n/);
    assert.match(text, /^forwardedFor: null$/m);
    assert.equal(origin.requestCount(), 2);
  } finally {
    await origin.stop();
  }
});

test('a TCP origin greets, returns what it gets, and leaves when the client has finished', async () => {
  const origin = await startTcpOrigin('birch');
  try {
    const socket = connect(origin.port, '127.0.0.1');
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString();
    });
    socket.end('ping\n');
    await new Promise((resolve) => socket.once('end', resolve));
    assert.equal(text, 'hello from birch\nping\n');
    assert.equal(origin.requestCount(), 1);
  } finally {
    await origin.stop();
  }
});

test('a stopped origin lets go of connections that are still open', async () => {
  const origin = await startTcpOrigin('cedar');
  const socket = connect(origin.port, '127.0.0.1');
  await new Promise((resolve) => socket.once('data', resolve));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await origin.stop();
  await closed;
});
