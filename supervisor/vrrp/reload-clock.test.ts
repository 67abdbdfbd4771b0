// Goal: a scheduled reload comes at the named moment, once, and goes when the file goes. Method: the formats against
// moments written out; a file that is written, changed and removed while the clock watches.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { VrrpModel } from '../../core/model/vrrp.ts';
import { parseReloadTime, ReloadClock } from './reload-clock.ts';

const NOW_MS = Date.UTC(2026, 10, 22, 12, 0, 0);
const utc = (line: string): string => {
  const time = parseReloadTime(line, NOW_MS);
  return typeof time === 'string' ? time : new Date(time.atMs).toISOString();
};

test('a time is the next such moment, a date is that very one', () => {
  assert.equal(utc('12:00:01Z'), '2026-11-22T12:00:01.000Z');
  assert.equal(utc('12:00:00Z'), '2026-11-23T12:00:00.000Z');
  assert.equal(utc('2026-12-24 18:30:00Z'), '2026-12-24T18:30:00.000Z');
  assert.equal(utc('26-12-24 18:30:00Z'), '2026-12-24T18:30:00.000Z');
  assert.equal(utc('2026-11-22 11:59:59Z'), 'past');
  assert.equal(utc('70-01-01 00:00:00Z'), 'past');
  const local = new Date(NOW_MS);
  local.setDate(local.getDate() + 1);
  local.setHours(1, 2, 3, 0);
  const pad = (value: number): string => String(value).padStart(2, '0');
  const date = `${local.getFullYear()}-${pad(local.getMonth() + 1)}-${pad(local.getDate())}`;
  assert.equal(utc(`${date} 01:02:03`), local.toISOString());
});

test('what is no moment is refused', () => {
  for (const line of [
    '',
    '12:00',
    '24:00:00',
    '12:60:00',
    '2026-02-30 12:00:00',
    '2026-13-01 00:00:00',
    'soon',
    ' 12:00:01',
  ]) {
    assert.equal(utc(line), 'invalid', line);
  }
});

interface Clocked {
  path: string;
  reloads: number;
  said: string[];
  clock: ReloadClock;
}

function clocked(context: TestContext, repeats = false): Clocked {
  const folder = mkdtempSync(join(tmpdir(), 'weir-reload-'));
  const path = join(folder, 'when');
  const state: Clocked = { path, reloads: 0, said: [], clock: null as never };
  state.clock = new ReloadClock(
    () => state.reloads++,
    (_level, text) => state.said.push(text),
  );
  const model = { global: { reloadTimeFile: path }, operation: { reloadRepeat: repeats } } as unknown as VrrpModel;
  state.clock.configure(model);
  context.after(() => {
    state.clock.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return state;
}

async function until(what: string, isTrue: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while (!isTrue()) {
    if (performance.now() > deadlineMs) throw new Error(`took too long: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const inSeconds = (seconds: number): string =>
  new Date(Date.now() + seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');

test('the reload comes when it is due, and its file goes away', async (context) => {
  const state = clocked(context);
  assert.equal(state.clock.dueAtMs, null);
  writeFileSync(state.path, `${inSeconds(2)}Z\n`);
  await until('the schedule', () => state.clock.dueAtMs !== null);
  assert.equal(state.reloads, 0);
  await until('the reload', () => state.reloads === 1);
  assert.equal(existsSync(state.path), false);
  assert.equal(state.clock.dueAtMs, null);
});

test('a file that changes moves the reload, one that goes cancels it, nonsense is told', async (context) => {
  const state = clocked(context);
  writeFileSync(state.path, `${inSeconds(500)}Z\n`);
  await until('the schedule', () => state.clock.dueAtMs !== null);
  const first = state.clock.dueAtMs!;
  writeFileSync(state.path, `${inSeconds(900)}Z\n`);
  await until('the later schedule', () => (state.clock.dueAtMs ?? 0) > first);
  writeFileSync(state.path, 'tomorrow\n');
  await until('the refusal', () => state.said.some((text) => /'tomorrow' is invalid/.test(text)));
  assert.equal(state.clock.dueAtMs, null);
  writeFileSync(state.path, `${inSeconds(900)}Z\n`);
  await until('the schedule again', () => state.clock.dueAtMs !== null);
  rmSync(state.path);
  await until('the cancellation', () => state.clock.dueAtMs === null);
  assert.equal(state.reloads, 0);
});

test('with reload_repeat a time of day stays for the next day', async (context) => {
  const state = clocked(context, true);
  const line = inSeconds(2).slice(11);
  writeFileSync(state.path, `${line}Z\n`);
  await until('the reload', () => state.reloads === 1);
  assert.ok(existsSync(state.path));
  assert.ok(state.clock.dueAtMs! - Date.now() > 23 * 3_600_000);
});
