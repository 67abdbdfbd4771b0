// Goal: where io_uring is refused weir serves all the same and says why. Method: weir runs under a seccomp filter that
// answers io_uring_setup(2) with EPERM, as container runtimes do; perl makes the two system calls for that.

import assert from 'node:assert/strict';
import { arch } from 'node:os';
import { test } from 'node:test';
import { findOnPath } from '../rig/peers.ts';
import { KillableOrigin } from './fault-children.ts';
import { askOf, send } from './fault-load.ts';
import { startFaultProxy } from './fault-proxy.ts';

const PRCTL: Record<string, number> = { x64: 157, arm64: 167 };

// A classic BPF program: load the call's number; io_uring_setup (425 everywhere): EPERM; else: allowed.
const FORBID = (prctl: number): string => `
  my $filter = pack("SCCL" x 4, 0x20,0,0,0, 0x15,0,1,425, 0x06,0,0,0x00050001, 0x06,0,0,0x7fff0000);
  my $program = pack("Sx6P", 4, $filter);
  syscall(${prctl}, 38, 1, 0, 0, 0) == 0 or die "no_new_privs: $!";
  syscall(${prctl}, 22, 2, $program) == 0 or die "seccomp: $!";
  exec @ARGV;`;

const CONFIG = `
global
  nbthread 2
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
listen main
  bind 127.0.0.1:@FRONT@
  server a 127.0.0.1:@A@
`;

test('where io_uring is forbidden weir falls back to epoll and says so', async (context) => {
  const perl = findOnPath('perl');
  const prctl = PRCTL[arch()];
  if (perl === '' || prctl === undefined) return context.skip('perl is not installed, or the processor is unknown');
  const proxy = await startFaultProxy(CONFIG, { wrapper: [perl, '-e', FORBID(prctl)] });
  const origin = new KillableOrigin(proxy.port('A'));
  try {
    await origin.start();
    const events = proxy.events('proxy thread accepts');
    assert.deepEqual(
      events.map((event) => event['engine']),
      ['epoll', 'epoll'],
    );
    for (const event of events) assert.match(String(event['reason']), /io_uring.*EPERM|EPERM.*io_uring/);
    for (let index = 0; index < 14; index++) assert.equal(await send(proxy.port('FRONT'), askOf(index)), 'ok');
  } finally {
    await origin.kill();
    await proxy.stop();
  }
});

test('an engine that is asked for by name and refused is an error, not another engine', async (context) => {
  const perl = findOnPath('perl');
  const prctl = PRCTL[arch()];
  if (perl === '' || prctl === undefined) return context.skip('perl is not installed, or the processor is unknown');
  await assert.rejects(
    startFaultProxy(CONFIG, { engine: 'uring', wrapper: [perl, '-e', FORBID(prctl)] }),
    /io_uring_setup.*EPERM/s,
  );
});
