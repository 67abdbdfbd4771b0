// Variables of one scope, and their numbers (manual §2.8). Values are copied in; reading gives a view.
//
// A table belongs to a stream, a connection or the process, and is reused for the next (VariablePool). Sizes are counted as
// HAProxy counts them, a scope's towards the scopes around it, so that tune.vars.* limits bite at the same point.

import { assert } from '../base/assert.ts';
import { writeBytes } from '../base/text.ts';
import { METHOD_OTHER } from '../http/message.ts';
import type { VariableScope } from '../model/language.ts';
import type { Global } from '../model/model.ts';
import type { Subject } from './subject.ts';
import { NO_BYTES, type Sample, TYPE_ANY, TYPE_BIN, TYPE_IPV6, TYPE_METH, TYPE_SINT, TYPE_STR } from './types.ts';
import {
  SET_IF_EMPTY,
  SET_IF_EXISTS,
  SET_IF_GREATER,
  SET_IF_LESS,
  SET_IF_NOT_EMPTY,
  SET_IF_NOT_EXISTS,
  SET_IF_NOT_SET,
  SET_IF_SET,
} from './variable-names.ts';
import type { Variables } from './variables-contract.ts';

const VARIABLE_BYTES = 88; // HAProxy's struct var on 64-bit machines
const TEXT_BYTES_MIN = 32;
const TEXT_BYTES_KEPT = 1024; // larger rooms are not kept for the next stream

/** Numbers of names, counted from 0 for each scope; one object a thread. */
export class VariableNames {
  private readonly numbers = new Map<VariableScope, Map<string, number>>();
  private readonly names = new Map<VariableScope, string[]>();

  numberOf(scope: VariableScope, name: string): number {
    let numbers = this.numbers.get(scope);
    if (numbers === undefined) {
      numbers = new Map();
      this.numbers.set(scope, numbers);
      this.names.set(scope, []);
    }
    const known = numbers.get(name);
    if (known !== undefined) return known;
    const names = this.names.get(scope)!;
    numbers.set(name, names.length);
    names.push(name);
    return names.length - 1;
  }

  /** −1: nothing in the configuration names it. */
  find(scope: VariableScope, name: string): number {
    return this.numbers.get(scope)?.get(name) ?? -1;
  }

  nameOf(scope: VariableScope, number: number): string {
    return this.names.get(scope)?.[number] ?? '';
  }

  countOf(scope: VariableScope): number {
    return this.names.get(scope)?.length ?? 0;
  }
}

export type VariableLimits = Global['variableLimits'];

class Value {
  exists = false;
  type = TYPE_ANY; // ANY: it exists, but holds nothing
  number = 0;
  wide: bigint | null = null;
  bytes: Uint8Array = NO_BYTES;
  length = 0;
}

const hasText = (type: number, number: number): boolean =>
  type === TYPE_STR || type === TYPE_BIN || (type === TYPE_METH && number === METHOD_OTHER);

export class VariableTable implements Variables {
  scope: VariableScope = 'txn';
  private around: VariableTable | null = null;
  private readonly limits: VariableLimits;
  private size = 0; // bytes, with those of the scopes within
  private readonly values: Value[] = [];
  private used: number[] = []; // numbers that exist
  private usedCount = 0;

  constructor(limits: VariableLimits) {
    this.limits = limits;
  }

  /** Makes an empty table one of `scope`, within the scope of `around`: reqres in txn, in sess, in proc. */
  begin(scope: VariableScope, around: VariableTable | null): void {
    assert(this.usedCount === 0, 'a table of variables is reused with values in it');
    this.scope = scope;
    this.around = around;
  }

  get(variable: number, sample: Sample): boolean {
    const value = this.values[variable];
    if (value === undefined || value.type === TYPE_ANY) return false;
    sample.type = value.type;
    sample.number = value.number;
    sample.wide = value.wide;
    sample.bytes = value.bytes;
    sample.offset = 0;
    sample.length = value.length;
    return true;
  }

  set(variable: number, sample: Sample, conditions = 0): boolean {
    const known = this.values[variable];
    const exists = known?.exists === true || this.scope === 'proc'; // names of proc exist once the configuration has them
    if ((conditions & (exists ? SET_IF_NOT_EXISTS : SET_IF_EXISTS)) !== 0) return false;
    const value = known?.exists === true ? known : this.create(variable);
    if (value === null) return false;
    if (conditions !== 0 && !holds(conditions, value, sample)) return false;
    return this.store(value, sample);
  }

  private create(variable: number): Value | null {
    if (!this.add(VARIABLE_BYTES)) return null;
    while (this.values.length <= variable) this.values.push(new Value());
    const value = this.values[variable]!;
    value.exists = true;
    this.used[this.usedCount++] = variable;
    return value;
  }

  private store(value: Value, sample: Sample): boolean {
    const { type, number } = sample;
    const length = hasText(type, number) ? sample.length : 0;
    const before = hasText(value.type, value.number) ? value.length : 0;
    this.remove(before);
    value.type = type;
    value.number = number;
    value.wide = type === TYPE_SINT ? sample.wide : null;
    if (!this.add(length)) {
      // What it held is gone, too: HAProxy leaves a bool of no particular value.
      value.type = TYPE_ANY;
      value.length = 0;
      return false;
    }
    copyText(value, sample, type === TYPE_IPV6 ? 16 : length);
    return true;
  }

  unset(variable: number): void {
    const value = this.values[variable];
    if (value === undefined || !value.exists) return;
    this.remove(hasText(value.type, value.number) ? value.length : 0);
    value.type = TYPE_ANY;
    value.wide = null;
    if (this.scope === 'proc') return;
    value.exists = false;
    this.remove(VARIABLE_BYTES);
    const at = this.used.indexOf(variable);
    assert(at >= 0 && at < this.usedCount, 'a variable exists that the table does not list');
    this.used[at] = this.used[--this.usedCount]!;
  }

  clear(): void {
    for (let index = 0; index < this.usedCount; index++) {
      const value = this.values[this.used[index]!]!;
      value.exists = false;
      value.type = TYPE_ANY;
      value.wide = null;
      if (value.bytes.length > TEXT_BYTES_KEPT) value.bytes = NO_BYTES;
    }
    this.usedCount = 0;
    this.remove(this.size);
    assert(this.size === 0, 'an empty table has a size');
  }

  /** Numbers of all variables that hold a value; for people, it allocates. */
  list(): number[] {
    return this.used.slice(0, this.usedCount).filter((variable) => this.values[variable]!.type !== TYPE_ANY);
  }

  private add(bytes: number): boolean {
    for (let table: VariableTable | null = this; table !== null; table = table.around) {
      const limit = table.limit;
      if (limit !== 0 && table.size + bytes > limit) return false;
    }
    for (let table: VariableTable | null = this; table !== null; table = table.around) table.size += bytes;
    return true;
  }

  private remove(bytes: number): void {
    if (bytes === 0) return;
    for (let table: VariableTable | null = this; table !== null; table = table.around) table.size -= bytes;
  }

  /** 0: none. The process's own counts everything that this thread holds. */
  private get limit(): number {
    const { limits } = this;
    switch (this.scope) {
      case 'proc':
        return limits.proc === 0 || limits.global === 0
          ? limits.proc + limits.global
          : Math.min(limits.proc, limits.global);
      case 'sess':
        return limits.sess;
      case 'txn':
        return limits.txn;
      default:
        return limits.reqres;
    }
  }
}

function copyText(value: Value, sample: Sample, length: number): void {
  value.length = length;
  if (length === 0) return;
  if (value.bytes.length < length) {
    let room = TEXT_BYTES_MIN;
    while (room < length) room *= 2;
    value.bytes = new Uint8Array(room);
  }
  writeBytes(value.bytes, 0, sample.bytes, sample.offset, length);
}

/** The conditions that look at values, in HAProxy's order. */
function holds(conditions: number, value: Value, sample: Sample): boolean {
  if ((conditions & (value.type === TYPE_ANY ? SET_IF_SET : SET_IF_NOT_SET)) !== 0) return false;
  const isText = sample.type === TYPE_STR || sample.type === TYPE_BIN;
  if ((conditions & SET_IF_EMPTY) !== 0 && (!isText || sample.length !== 0)) return false;
  if ((conditions & SET_IF_NOT_EMPTY) !== 0 && isText && sample.length === 0) return false;
  if (sample.type !== TYPE_SINT || value.type !== TYPE_SINT) return true;
  const order = compareIntegers(value, sample);
  if ((conditions & SET_IF_GREATER) !== 0 && order <= 0) return false;
  return (conditions & SET_IF_LESS) === 0 || order < 0;
}

function compareIntegers(left: { number: number; wide: bigint | null }, right: Sample): number {
  if (left.wide === null && right.wide === null) return left.number - right.number;
  const leftWide = left.wide ?? BigInt(left.number);
  const rightWide = right.wide ?? BigInt(right.number);
  return leftWide < rightWide ? -1 : leftWide > rightWide ? 1 : 0;
}

/** Empty tables of one thread, for streams to come. */
export class VariablePool {
  private readonly limits: VariableLimits;
  private readonly free: VariableTable[] = [];

  constructor(limits: VariableLimits) {
    this.limits = limits;
  }

  take(scope: VariableScope, around: VariableTable | null): VariableTable {
    const table = this.free.pop() ?? new VariableTable(this.limits);
    table.begin(scope, around);
    return table;
  }

  /** Empties it: whoever had it must not look at it again. */
  give(table: VariableTable): void {
    table.clear();
    this.free.push(table);
  }
}

/** The table a scope has here, or null where there is none. */
export function variablesOf(subject: Subject, scope: VariableScope): Variables | null {
  switch (scope) {
    case 'proc':
      return subject.procVariables;
    case 'sess':
      return subject.sessVariables;
    case 'txn':
      return subject.txnVariables;
    case 'check':
      return null;
    default: {
      const table = subject.reqresVariables;
      return table !== null && table.scope === scope ? table : null;
    }
  }
}

/** What set-var does, as an action and as a converter. False: not set. */
export function setVariable(
  subject: Subject,
  scope: VariableScope,
  variable: number,
  sample: Sample,
  conditions: number,
): boolean {
  const table = variablesOf(subject, scope);
  if (table === null || !table.set(variable, sample, conditions)) return false;
  if (scope === 'proc') subject.world.procVariableChanged(variable);
  return true;
}

/** What unset-var does. False: the scope does not exist here. */
export function unsetVariable(subject: Subject, scope: VariableScope, variable: number): boolean {
  const table = variablesOf(subject, scope);
  if (table === null) return false;
  table.unset(variable);
  if (scope === 'proc') subject.world.procVariableChanged(variable);
  return true;
}
