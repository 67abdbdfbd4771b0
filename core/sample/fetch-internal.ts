// Fetches that look at nothing of the client: dates, chance, and the process itself (manual §7.3.2).

import { hostname } from 'node:os';
import { assert } from '../base/assert.ts';
import { Prng } from '../base/prng.ts';
import type { Arg } from '../model/language.ts';
import { checkDateUnit, latin1Bytes, setText, UNIT_MS, UNIT_SECONDS, unitOf } from './fetch-aim.ts';
import { htxFetches } from './fetch-htx.ts';
import { type Fetch, type FetchRow, NO_ARGS } from './rows.ts';
import type { Subject } from './subject.ts';
import { type Sample, TYPE_BOOL, TYPE_SINT, TYPE_STR, USE_CONST, USE_INTRN } from './types.ts';
import { checkUuidVersion, compileUuid } from './uuid.ts';

const TWO_32 = 0x1_0000_0000;

function integer(value: number): Fetch {
  return (_subject, sample) => {
    sample.setInt(value);
    return true;
  };
}

function bool(value: boolean): Fetch {
  return (_subject, sample) => {
    sample.setBool(value);
    return true;
  };
}

// Read when the thread compiles: the configuration's own `setenv` lines are in force by then.
function compileEnv(args: readonly Arg[]): Fetch {
  const name = args[0];
  assert(name?.kind === 'str', 'env has the name of a variable');
  const value = process.env[Buffer.from(name.text, 'latin1').toString()];
  if (value === undefined) return () => false;
  const bytes = Uint8Array.from(Buffer.from(value));
  return (_subject, sample) => setText(sample, bytes);
}

function compileDate(args: readonly Arg[]): Fetch {
  const unit = unitOf(args, 1, UNIT_SECONDS);
  const perMs = unit === UNIT_SECONDS ? 1e-3 : unit === UNIT_MS ? 1 : 1e3;
  const offset = args[0];
  const wide = offset?.kind === 'sint' && !Number.isSafeInteger(2 * offset.value) ? BigInt(offset.exact) : null;
  const added = offset?.kind === 'sint' && wide === null ? offset.value : 0;
  return (subject, sample) => {
    sample.mayChange = true;
    const now =
      perMs === 1e-3 ? Math.floor(subject.wallClock.nowMs / 1e3) : Math.floor(subject.wallClock.nowMs * perMs);
    const sum = now + added;
    if (wide !== null) sample.setWide(BigInt(now) + wide);
    else if (Number.isSafeInteger(sum)) sample.setInt(sum);
    else sample.setWide(BigInt(now) + BigInt(added));
    return true;
  };
}

function fetchDateUs(subject: Subject, sample: Sample): boolean {
  sample.mayChange = true;
  sample.setInt(Math.floor((subject.wallClock.nowMs % 1e3) * 1e3));
  return true;
}

/** Uniform over 0…2³²−1, or over 0…range−1: the high bits count, as in HAProxy. */
function compileRand(args: readonly Arg[]): Fetch {
  const prng = new Prng(crypto.getRandomValues(new Uint32Array(1))[0]!);
  const range = args[0];
  if (range?.kind !== 'sint') {
    return (_subject, sample) => {
      sample.mayChange = true;
      sample.setInt(prng.next32());
      return true;
    };
  }
  // Beyond 2³² (and below 0) C's 64 bits wrap.
  const wide = range.value < 0 || range.value > TWO_32 ? BigInt.asUintN(64, BigInt(range.exact)) : null;
  return (_subject, sample) => {
    sample.mayChange = true;
    const drawn = prng.next32();
    if (wide === null) sample.setInt(scale(drawn, range.value));
    else sample.setWide(BigInt.asUintN(64, BigInt(drawn) * wide) >> 32n);
    return true;
  };
}

// floor(drawn · range / 2³²), exactly: the product has up to 64 bits.
function scale(drawn: number, range: number): number {
  const low = Math.floor(((drawn & 0xffff) * range) / 0x1_0000);
  return Math.floor(((drawn >>> 16) * range + low) / 0x1_0000);
}

function cpuUsage(ofProcess: boolean): Fetch {
  return (subject, sample) => {
    const percent = subject.world.cpuUsagePercent?.(ofProcess) ?? -1;
    if (percent < 0) return false;
    sample.setInt(percent);
    return true;
  };
}

function fetchActConn(subject: Subject, sample: Sample): boolean {
  const { load } = subject;
  sample.setInt(load.current(load.process()));
  return true;
}

function fetchStopping(subject: Subject, sample: Sample): boolean {
  const { isStopping } = subject.world;
  if (isStopping === undefined) return false;
  sample.setBool(isStopping.call(subject.world));
  return true;
}

/** True once no more bytes are worth waiting for; before that it makes content rules wait. */
function fetchWaitEnd(subject: Subject, sample: Sample): boolean {
  if (!subject.final) {
    sample.mayChange = true;
    return false;
  }
  sample.setBool(true);
  return true;
}

function fetchIsHtx(subject: Subject, sample: Sample): boolean {
  if (subject.stream === null) return false;
  sample.setBool(subject.stream.http);
  return true;
}

function fetchPriorityClass(subject: Subject, sample: Sample): boolean {
  const rule = subject.stream?.rule;
  if (rule === undefined) return false;
  sample.setInt(rule.priorityClass);
  return true;
}

function fetchPriorityOffset(subject: Subject, sample: Sample): boolean {
  const rule = subject.stream?.rule;
  if (rule === undefined) return false;
  sample.setInt(rule.priorityOffsetMs);
  return true;
}

const constant = { args: NO_ARGS, uses: USE_CONST };
const internal = { args: NO_ARGS, uses: USE_INTRN };

export const internalFetches: readonly FetchRow[] = [
  ...htxFetches,
  { ...constant, name: 'act_conn', out: TYPE_SINT, compile: () => fetchActConn },
  { ...constant, name: 'always_false', out: TYPE_BOOL, compile: () => bool(false) },
  { ...constant, name: 'always_true', out: TYPE_BOOL, compile: () => bool(true) },
  { ...internal, name: 'cpu_usage_grp', out: TYPE_SINT, compile: () => cpuUsage(true) },
  { ...internal, name: 'cpu_usage_proc', out: TYPE_SINT, compile: () => cpuUsage(true) },
  { ...internal, name: 'cpu_usage_thr', out: TYPE_SINT, compile: () => cpuUsage(false) },
  {
    name: 'date',
    args: { kinds: ['sint', 'str'], min: 0 },
    out: TYPE_SINT,
    uses: USE_CONST,
    check: (args) => checkDateUnit(args, 1),
    compile: compileDate,
  },
  { ...constant, name: 'date_us', out: TYPE_SINT, compile: () => fetchDateUs },
  { name: 'env', args: { kinds: ['str'], min: 1 }, out: TYPE_STR, uses: USE_CONST, compile: compileEnv },
  {
    ...constant,
    name: 'hostname',
    out: TYPE_STR,
    compile: () => {
      const name = latin1Bytes(hostname());
      return (_subject, sample) => setText(sample, name);
    },
  },
  { ...internal, name: 'internal.strm.is_htx', out: TYPE_BOOL, compile: () => fetchIsHtx },
  { ...constant, name: 'nbproc', out: TYPE_SINT, compile: () => integer(1) },
  { ...constant, name: 'pid', out: TYPE_SINT, compile: (_args, linker) => integer(linker.pid) },
  { ...internal, name: 'prio_class', out: TYPE_SINT, compile: () => fetchPriorityClass },
  { ...internal, name: 'prio_offset', out: TYPE_SINT, compile: () => fetchPriorityOffset },
  { ...constant, name: 'proc', out: TYPE_SINT, compile: () => integer(1) },
  { ...constant, name: 'quic_enabled', out: TYPE_BOOL, compile: () => () => false }, // as a HAProxy built without it
  { name: 'rand', args: { kinds: ['sint'], min: 0 }, out: TYPE_SINT, uses: USE_CONST, compile: compileRand },
  { ...internal, name: 'stopping', out: TYPE_BOOL, compile: () => fetchStopping },
  { ...constant, name: 'tgroup', out: TYPE_SINT, compile: () => integer(0) },
  { ...constant, name: 'thread', out: TYPE_SINT, compile: (_args, linker) => integer(linker.threadIndex) },
  {
    ...constant,
    name: 'uptime',
    out: TYPE_SINT,
    compile: (_args, linker) => (subject, sample) => {
      sample.setInt(Math.max(0, Math.floor((subject.wallClock.nowMs - linker.startedAtMs) / 1e3)));
      return true;
    },
  },
  {
    name: 'uuid',
    args: { kinds: ['sint'], min: 0 },
    out: TYPE_STR,
    uses: USE_CONST,
    check: checkUuidVersion,
    compile: compileUuid,
  },
  { ...internal, name: 'wait_end', out: TYPE_BOOL, compile: () => fetchWaitEnd },
];
