// What a rule changed: everything it can change is looked at before and after, and compared.

import { fromBytes } from '../../core/config/haproxy/text.ts';
import { HEADER_REMOVED, type Head } from '../../core/http/message.ts';
import type { VariableScope } from '../../core/model/language.ts';
import { valueText } from '../../core/sample/expression.ts';
import type { CaptureStore, Subject } from '../../core/sample/subject.ts';
import { Sample } from '../../core/sample/types.ts';
import type { VariableNames, VariableTable } from '../../core/sample/variables.ts';
import type { Variables } from '../../core/sample/variables-contract.ts';
import type { ChangeReport, HeaderLine } from './explanation.ts';
import { viewText } from './input.ts';

/** A head's lines by their place in its columns; null: removed. */
export interface HeadState {
  method: string;
  uri: string;
  version: string;
  status: number;
  reason: string;
  lines: (HeaderLine | null)[];
}

export interface State {
  request: HeadState | null;
  response: HeadState | null;
  variables: Map<string, string>;
  captures: Map<string, string>;
  source: string;
  target: string;
}

const textAt = (bytes: Uint8Array, offset: number, length: number): string =>
  fromBytes(Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1'));

export function headState(head: Head, bytes: Uint8Array): HeadState {
  const lines: (HeaderLine | null)[] = [];
  for (let index = 0; index < head.headerCount; index++) {
    const isRemoved = (head.headerFlags[index]! & HEADER_REMOVED) !== 0;
    const name = textAt(bytes, head.nameOffset[index]!, head.nameLength[index]!);
    const value = textAt(bytes, head.valueOffset[index]!, head.valueLength[index]!);
    lines.push(isRemoved ? null : { name, value });
  }
  return {
    method: textAt(bytes, head.methodOffset, head.methodLength),
    uri: textAt(bytes, head.uriOffset, head.uriLength),
    version: textAt(bytes, head.versionOffset, head.versionLength),
    status: head.status,
    reason: textAt(bytes, head.reasonOffset, head.reasonLength),
    lines,
  };
}

export function headerLines(state: HeadState): HeaderLine[] {
  return state.lines.filter((line) => line !== null);
}

const SCOPES: readonly VariableScope[] = ['proc', 'sess', 'txn'];

export function takeState(subject: Subject, names: VariableNames): State {
  const { bytes, stream } = subject;
  const variables = new Map<string, string>();
  const tables: (Variables | null)[] = [subject.procVariables, subject.sessVariables, subject.txnVariables];
  SCOPES.forEach((scope, index) => {
    addVariables(variables, scope, tables[index] ?? null, names);
  });
  const last = subject.reqresVariables;
  if (last !== null) addVariables(variables, last.scope, last, names);
  const captures = new Map<string, string>();
  addCaptures(captures, 'request', stream?.requestCaptures ?? null);
  addCaptures(captures, 'response', stream?.responseCaptures ?? null);
  return {
    request: subject.request === null ? null : headState(subject.request, bytes),
    response: subject.response === null ? null : headState(subject.response, bytes),
    variables,
    captures,
    source: stream?.sourceSet ? viewText(stream.sourceSet) : connectionEnd(subject, true),
    target: stream?.targetSet ? viewText(stream.targetSet) : connectionEnd(subject, false),
  };
}

function connectionEnd({ front }: Subject, ofSource: boolean): string {
  if (front === null) return '';
  const rest = { family: front.sourceFamily, port: front.sourcePort };
  if (ofSource) {
    const { source0, source1, source2, source3 } = front;
    return viewText({ ...rest, word0: source0, word1: source1, word2: source2, word3: source3 });
  }
  const { targetFamily, targetPort, target0, target1, target2, target3 } = front;
  const words = { word0: target0, word1: target1, word2: target2, word3: target3 };
  return viewText({ family: targetFamily, port: targetPort, ...words });
}

function addVariables(
  into: Map<string, string>,
  scope: VariableScope,
  table: Variables | null,
  names: VariableNames,
): void {
  if (table === null) return;
  const sample = new Sample();
  for (const variable of (table as VariableTable).list()) {
    if (table.get(variable, sample)) into.set(`${scope}.${names.nameOf(scope, variable)}`, valueText(sample));
  }
}

function addCaptures(into: Map<string, string>, side: string, store: CaptureStore | null): void {
  for (let slot = 0; slot < (store?.count ?? 0); slot++) {
    const length = store!.lengthOf(slot);
    if (length >= 0) into.set(`${side} ${slot}`, textAt(store!.bytesOf(slot), 0, length));
  }
}

export function changesBetween(before: State, after: State): ChangeReport[] {
  const changes: ChangeReport[] = [];
  for (const side of ['request', 'response'] as const) {
    const [first, second] = [before[side], after[side]];
    if (first !== null && second !== null) addHeadChanges(changes, first, second);
  }
  for (const name of new Set([...before.variables.keys(), ...after.variables.keys()])) {
    const [old, now] = [before.variables.get(name) ?? null, after.variables.get(name) ?? null];
    if (old === now) continue;
    changes.push({ kind: now === null ? 'variable-unset' : 'variable-set', name, before: old, after: now });
  }
  for (const [name, now] of after.captures) {
    const old = before.captures.get(name) ?? null;
    if (old !== now) changes.push({ kind: 'capture', name, before: old, after: now });
  }
  addOne(changes, 'source', before.source, after.source);
  addOne(changes, 'destination', before.target, after.target);
  return changes;
}

function addOne(changes: ChangeReport[], kind: ChangeReport['kind'], before: string, after: string): void {
  if (before !== after) changes.push({ kind, name: '', before, after });
}

function addHeadChanges(changes: ChangeReport[], before: HeadState, after: HeadState): void {
  addOne(changes, 'method', before.method, after.method);
  addOne(changes, 'uri', before.uri, after.uri);
  addOne(changes, 'status', String(before.status), String(after.status));
  addOne(changes, 'reason', before.reason, after.reason);
  const removed: HeaderLine[] = [];
  const added: HeaderLine[] = [];
  for (let index = 0; index < after.lines.length; index++) {
    const old = before.lines[index] ?? null;
    const now = after.lines[index] ?? null;
    if (old !== null && now !== null && old.name === now.name) {
      if (old.value !== now.value) pushChange(changes, now.name, old.value, now.value);
      continue;
    }
    if (old !== null) removed.push(old);
    if (now !== null) added.push(now);
  }
  // What goes and comes under one name has changed.
  for (const { name, value } of removed) {
    const at = added.findIndex((line) => line.name === name);
    if (at < 0) changes.push({ kind: 'header-removed', name, before: value, after: null });
    else pushChange(changes, name, value, added.splice(at, 1)[0]!.value);
  }
  for (const { name, value } of added) changes.push({ kind: 'header-added', name, before: null, after: value });
}

function pushChange(changes: ChangeReport[], name: string, before: string, after: string): void {
  if (before !== after) changes.push({ kind: 'header-changed', name, before, after });
}
