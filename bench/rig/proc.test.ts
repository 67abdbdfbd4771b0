import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import { startChild } from './children.ts';
import {
  clockTicks,
  cpuSeconds,
  fdCount,
  memoryOf,
  parseSmapsRollup,
  parseStat,
  parseStatusRss,
  parseUdpDrops,
  processTree,
  udpDrops,
} from './proc.ts';

const tail = 'S 7 100 100 0 -1 4194560 1 2 3 4 250 33 5 6 20 0 3 0 123 1 2 3';

test('a stat line gives parent and CPU ticks whatever the process is called', () => {
  for (const name of ['proxy', 'a b', 'x) S 1 2 (y', ')', '']) {
    assert.deepEqual(parseStat(`100 (${name}) ${tail}\n`), { pid: 100, parentPid: 7, cpuTicks: 283 });
  }
});

test('a text that is no stat line is refused', () => {
  for (const text of ['', '100', '100 (x)', '100 (x) S', 'x (y) S 1', `(${tail}`]) assert.throws(() => parseStat(text));
});

test('a smaps_rollup gives resident and proportional bytes, and RSS stands in where there is no PSS', () => {
  const head = '00400000-7ffd000 ---p 00000000 00:00 0 [rollup]\n';
  const rss = 'Rss:                2048 kB\n';
  const pss = 'Pss:                1024 kB\nPss_Anon:             10 kB\n';
  assert.deepEqual(parseSmapsRollup(head + rss + pss), { rssBytes: 2_097_152, pssBytes: 1_048_576 });
  assert.deepEqual(parseSmapsRollup(head + rss), { rssBytes: 2_097_152, pssBytes: 2_097_152 });
  assert.throws(() => parseSmapsRollup(head));
});

test('a status without VmRSS is a process without memory', () => {
  assert.equal(parseStatusRss('Name:\tx\nVmRSS:\t     12 kB\n'), 12_288);
  assert.equal(parseStatusRss('Name:\tkworker\n'), 0);
});

test('the drops of a UDP socket are found by its port', () => {
  const text = [
    '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops',
    '  312: 0100007F:1F90 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 5',
    '  313: 00000000:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 42',
    '',
  ].join('\n');
  assert.equal(parseUdpDrops(text, 8080), 5);
  assert.equal(parseUdpDrops(text, 514), 42);
  assert.equal(parseUdpDrops(text, 515), -1);
});

test('the kernel knows a UDP socket of ours and counts no drops before anything came', async () => {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  assert.equal(udpDrops(socket.address().port), 0);
  await new Promise<void>((resolve) => socket.close(resolve));
});

// Goal: CPU, memory and files are of the whole tree. Method: a shell whose child burns CPU until we have seen it.
test('CPU time of a child process counts for its parent, and nothing is left when both are gone', async () => {
  const child = await startChild('sh', ['-c', 'while :; do :; done & wait']);
  try {
    const deadlineMs = performance.now() + 20_000;
    while (cpuSeconds(child.pid) < 3 / clockTicks()) assert.ok(performance.now() < deadlineMs, 'no CPU time was seen');
    const tree = processTree(child.pid);
    assert.equal(tree.length, 2);
    const { rssBytes, pssBytes } = memoryOf(child.pid);
    assert.ok(rssBytes > 0 && pssBytes > 0 && pssBytes <= rssBytes);
    assert.ok(fdCount(child.pid) >= 6, 'three standard files each');
    process.kill(tree[1]!, 'SIGKILL');
  } finally {
    await child.stop('SIGKILL');
  }
  assert.deepEqual(processTree(child.pid), []);
  assert.equal(cpuSeconds(child.pid), 0);
  assert.equal(fdCount(child.pid), -1);
});
