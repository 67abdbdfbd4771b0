import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { monotonicExactMs as nowMs } from '../../core/base/clock.ts';
import { loadKeepalived } from '../../core/config/keepalived/load.ts';
import type { VrrpModel } from '../../core/model/vrrp.ts';
import { DEPUTY_INTERVAL_MS_MAX, DeputyBoard } from '../../core/shared/deputy-board.ts';
import { AF_INET, SOCK_CLOEXEC, SOCK_DGRAM } from '../../core/sys/abi.ts';
import { check } from '../../core/sys/errno.ts';
import * as libc from '../../core/sys/libc.ts';
import { encodeInet } from '../../core/sys/sockaddr.ts';
import { Deputy, wantsDeputy } from './deputy.ts';

const INTERVAL_MS = 50;
const LOOKS = 50; // in a row that find it asleep: it says so a moment before
const WAIT_MS_MAX = 30_000;
const EXIT_MS_MAX = 15_000; // with the start of Node on a busy machine; asleep the deputy waited a minute
const near = modelOf(INTERVAL_MS, ['version 3']);
const far = modelOf(DEPUTY_INTERVAL_MS_MAX + 10, ['version 3']);

function modelOf(intervalMs: number, lines: readonly string[] = [], globals: readonly string[] = []): VrrpModel {
  const folder = mkdtempSync(join(tmpdir(), 'weir-deputy-'));
  const path = join(folder, 'keepalived.conf');
  const instance = ['interface eth7', 'virtual_router_id 51', `advert_int ${intervalMs / 1000}`, ...lines];
  writeFileSync(
    path,
    [
      'global_defs {',
      ...globals,
      '}',
      'vrrp_instance V {',
      ...instance,
      'virtual_ipaddress {',
      '10.77.0.100',
      '}',
      '}',
    ].join('\n'),
  );
  try {
    const { model, diagnostics } = loadKeepalived([path]);
    assert.ok(model !== null, JSON.stringify(diagnostics));
    return model;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A deputy, and a receiver that stands for the neighbours. */
async function stage(context: TestContext) {
  const words: string[] = [];
  const deputy = new Deputy(null, (text) => words.push(text));
  context.after(() => deputy.stop());
  const board = new DeputyBoard(deputy.data.board);
  const receiver = createSocket('udp4');
  context.after(() => receiver.close());
  receiver.bind(0, '127.0.0.1');
  await once(receiver, 'listening');
  const target = encodeInet('127.0.0.1', receiver.address().port);
  const fd = check('socket', libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  context.after(() => libc.close(fd));
  const heard: string[] = [];
  receiver.on('message', (bytes) => heard.push(bytes.toString()));
  // With `limitMs` whether it came true by then.
  const until = async (isTrue: () => boolean, limitMs = 0): Promise<boolean> => {
    const endMs = nowMs() + (limitMs || WAIT_MS_MAX);
    while (!isTrue()) {
      if (nowMs() > endMs && limitMs > 0) return false;
      assert.ok(nowMs() <= endMs, `took too long: ${isTrue}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return true;
  };
  // As a router that is late. A deputy that stood still says nothing until it is armed anew.
  const armUntil = async (text: string, isTrue: () => boolean, change = (): void => {}): Promise<void> => {
    const packets = [{ target, bytes: new TextEncoder().encode(text) }];
    const cue = { fd, flags: 0, interfaceIndex: 0, source: null, packets };
    do {
      const now = nowMs();
      const rhythm = { nextAtMs: now, intervalMs: INTERVAL_MS, downMs: INTERVAL_MS * 3 };
      if (!board.arm(0, cue, rhythm, now)) continue;
      change();
      if (board.isAsleep(now, INTERVAL_MS)) libc.eventfd_write(deputy.data.wakeFd, 1);
    } while (!(await until(isTrue, 5 * INTERVAL_MS)));
  };
  return { deputy, board, heard, armUntil, until, words };
}

const skip = wantsDeputy(near) ? false : 'a deputy needs a second processor';

test('a deputy sends what is overdue, at once when it slept, and ends when it is told to', {
  skip,
}, async (context) => {
  const { deputy, board, heard, armUntil, until } = await stage(context);
  deputy.configure(far);
  assert.equal(board.runs, false, 'nobody needs it yet');
  deputy.configure(near);
  await until(() => board.runs);
  await until(() => board.isAsleep(nowMs(), INTERVAL_MS));
  await armUntil('said for you', () => heard.length > 0);
  assert.equal(heard[0], 'said for you');
  await armUntil('said for you', () => board.spoken(0) >= 3);
  board.end(0);
  await deputy.stop();
  await deputy.stop();
  assert.equal(board.runs, false);
  deputy.configure(near);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(board.runs, false, 'what was stopped is not started again');
});

test('a process that exits without a word to its deputy does not wait for it', { skip }, async () => {
  const [here, board] = ['./deputy.ts', '../../core/shared/deputy-board.ts'].map((path) =>
    JSON.stringify(new URL(path, import.meta.url).href),
  );
  const text = `(async () => {
    const { Deputy } = await import(${here});
    const { DeputyBoard } = await import(${board});
    const deputy = new Deputy(null, console.error);
    deputy.configure(${JSON.stringify(near)});
    const board = new DeputyBoard(deputy.data.board);
    for (let looks = 0; looks < ${LOOKS}; looks = board.runs && board.isAsleep(0, 50) ? looks + 1 : 0) {
      await new Promise((next) => setTimeout(next, 2));
    }
    process.exit(7);
  })()`;
  const child = spawn(process.execPath, ['--eval', text], { stdio: ['ignore', 'ignore', 'inherit'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), EXIT_MS_MAX);
  const [code] = await once(child, 'exit');
  clearTimeout(timer);
  assert.equal(code, 7);
});

test('a deputy that crashes is replaced', { skip }, async (context) => {
  const { deputy, board, heard, armUntil, until, words } = await stage(context);
  deputy.configure(near);
  await until(() => board.runs);
  await armUntil('one', () => heard.includes('one'));
  board.end(0);
  const bytes = new Uint8Array(deputy.data.board);
  await armUntil(
    'x'.repeat(100),
    () => words.length > 0,
    () => {
      // What no router writes: a packet that ends beyond the board.
      bytes.fill(0xff, 64 + 88, 64 + 92);
      new Int32Array(deputy.data.board)[16 + 7] = 1000;
    },
  );
  assert.match(words[0]!, /deputy ended \(.*\); another is started/);
  await until(() => board.runs);
  await armUntil('two', () => heard.includes('two'));
});

test('instances with long intervals or sequence numbers, or bound to one processor, want no deputy', () => {
  assert.equal(wantsDeputy(far), false);
  const authentication = ['version 2', 'authentication {', 'auth_type AH', 'auth_pass secret', '}'];
  const signed = modelOf(1_000, authentication);
  const [instance] = signed.instances;
  assert.equal(wantsDeputy({ ...signed, instances: [{ ...instance!, advertIntMs: INTERVAL_MS }] }), false);
  assert.equal(wantsDeputy(modelOf(INTERVAL_MS, ['version 3'], ['vrrp_cpu_affinity 0'])), false);
  assert.equal(wantsDeputy(modelOf(INTERVAL_MS, ['version 3'], ['vrrp_cpu_affinity 0 1'])), true);
});
