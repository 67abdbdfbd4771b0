// track-sc and sc-…: what connections, streams and rules count in stick tables (manual §4.4 "track-sc0", "sc-inc-gpc" …).

import type { RuleAst, RuleSetName } from '../model/rules.ts';
import { compileExpression } from '../sample/expression.ts';
import { findTracked, foundCounter } from '../sample/fetch-counters.ts';
import type { Linker } from '../sample/rows.ts';
import type { Subject } from '../sample/subject.ts';
import { keyOf, tableKey } from '../sample/table-key.ts';
import { cellOf, countEvent } from '../sample/table-reads.ts';
import { Sample, TYPE_SINT } from '../sample/types.ts';
import { NO_ENTRY } from '../tables/stick-table.ts';
import { type Action, type ActionLine, type ActionRow, RULE_CONTINUE, type RuleParts } from './contract.ts';

const ALL_SETS: readonly RuleSetName[] = [
  'tcp-request connection',
  'tcp-request session',
  'tcp-request content',
  'tcp-response content',
  'http-request',
  'http-response',
  'http-after-response',
];
const TRACK_SETS: readonly RuleSetName[] = [
  'tcp-request connection',
  'tcp-request session',
  'tcp-request content',
  'http-request',
  'http-response',
];

const ELEMENT_MAX = 99; // gpc(100), gpt(100) are the largest arrays

/** `track-scN KEY [table TABLE]` */
function parseTrack(line: ActionLine): RuleParts | null {
  const text = line.word.slice('track-sc'.length);
  const counter = Number(text);
  if (!/^[0-9]+$/.test(text)) return line.fail(`invalid track-sc number '${text}'`);
  if (counter >= line.stickCounters) {
    return line.fail(`track-sc number exceeding ${line.stickCounters - 1} (tune.stick-counters-1), it is ${counter}`);
  }
  const expression = line.expression();
  if (expression === null) return null;
  let name = '';
  if (line.peek() === 'table') {
    line.next();
    name = line.next();
    if (name === '') return line.fail(`missing argument after 'table'`);
  }
  return { args: [{ kind: 'table', name, index: -1 }], expressions: [expression], options: { counter } };
}

function compileTrack(ast: RuleAst, linker: Linker): Action {
  const arg = ast.args[0]!;
  const tableIndex = arg.kind === 'table' ? arg.index : -1;
  const counter = Number(ast.options.counter);
  const expression = compileExpression(ast.expressions[0]!, linker);
  const sample = new Sample();
  const ofConnection = ast.set === 'tcp-request connection' || ast.set === 'tcp-request session';
  return (subject, run) => {
    const { host } = run;
    if (host.isTracking(ofConnection, counter)) return RULE_CONTINUE;
    const table = subject.tables[tableIndex]!;
    if (!expression.evaluate(subject, sample) || !keyOf(table, sample, subject)) return RULE_CONTINUE;
    const { bytes, offset, length } = tableKey;
    const entry = table.track(bytes, offset, length, subject.clock.nowMs);
    if (entry !== NO_ENTRY) host.startTracking(ofConnection, counter, tableIndex, entry);
    return RULE_CONTINUE;
  };
}

/** The numbers in the parentheses of `sc-inc-gpc(idx,sc)`, `sc-inc-gpc0(sc)`. */
function readCounters(line: ActionLine, name: string, withElement: boolean): Record<string, number> | null {
  const list = line.word.slice(name.length);
  const found = withElement ? /^\(([0-9]+),([0-9]+)\)$/.exec(list) : /^\(([0-9]+)\)$/.exec(list);
  if (found === null) {
    const what = withElement ? `${name}(<GPC ID>,<Track ID>)` : `${name}(<Track ID>)`;
    line.fail(`invalid argument in '${line.word}', expects '${what}'`);
    return null;
  }
  const element = withElement ? Number(found[1]) : 0;
  const counter = Number(withElement ? found[2] : found[1]);
  if (element > ELEMENT_MAX) {
    line.fail(`invalid array index '${element}' in '${line.word}', the max is ${ELEMENT_MAX}`);
    return null;
  }
  if (counter >= line.stickCounters) {
    line.fail(`invalid stick table track ID '${counter}'. The max allowed ID is ${line.stickCounters - 1}`);
    return null;
  }
  return { element, counter };
}

const parseIncrement =
  (name: string, withElement: boolean) =>
  (line: ActionLine): RuleParts | null => {
    const options = readCounters(line, name, withElement);
    return options === null ? null : { options };
  };

/** An integer, or an expression that gives one. */
const parseValue =
  (name: string, withElement: boolean) =>
  (line: ActionLine): RuleParts | null => {
    const options = readCounters(line, name, withElement);
    if (options === null) return null;
    if (/^[0-9]+$/.test(line.peek())) return { options: { ...options, value: Number(line.next()) } };
    const expression = line.expression();
    return expression === null ? null : { options, expressions: [expression] };
  };

function compileValue(ast: RuleAst, linker: Linker): (subject: Subject) => number {
  const expressionAst = ast.expressions[0];
  if (expressionAst === undefined) {
    const value = Number(ast.options.value);
    return () => value;
  }
  const expression = compileExpression(expressionAst, linker);
  const sample = new Sample();
  return (subject) => (expression.evaluateAs(subject, sample, TYPE_SINT) ? sample.number : 0);
}

type General = 'gpc' | 'gpc0' | 'gpc1';

function compileCount(type: General, by: ((subject: Subject) => number) | null, ast: RuleAst): Action {
  const counter = Number(ast.options.counter);
  const element = type === 'gpc' ? Number(ast.options.element) : type === 'gpc1' ? 1 : 0;
  const array = type === 'gpc' ? null : 'gpc';
  return (subject) => {
    if (!findTracked(subject, counter)) return RULE_CONTINUE;
    const amount = by === null ? 1 : by(subject);
    countEvent(foundCounter.table!, foundCounter.entry, type, array, element, amount, subject.clock.nowMs);
    return RULE_CONTINUE;
  };
}

/** sc-set-gpt, sc-set-gpt0: tags are 32 bits. */
function compileTag(type: 'gpt' | 'gpt0', ast: RuleAst, linker: Linker): Action {
  const counter = Number(ast.options.counter);
  const element = type === 'gpt' ? Number(ast.options.element) : 0;
  const value = compileValue(ast, linker);
  return (subject) => {
    if (!findTracked(subject, counter)) return RULE_CONTINUE;
    const table = foundCounter.table!;
    const cell = cellOf(table, type, type === 'gpt' ? null : 'gpt', element);
    if (cell >= 0) table.set(foundCounter.entry, cell, value(subject) >>> 0);
    return RULE_CONTINUE;
  };
}

const row = (
  name: string,
  sets: readonly RuleSetName[],
  parse: ActionRow['parse'],
  compile: ActionRow['compile'],
): ActionRow => ({ name, isPrefix: true, sets, parse, compile });

export const counterActions: readonly ActionRow[] = [
  row('track-sc', TRACK_SETS, parseTrack, compileTrack),
  row('sc-inc-gpc', ALL_SETS, parseIncrement('sc-inc-gpc', true), (ast) => compileCount('gpc', null, ast)),
  row('sc-inc-gpc0', ALL_SETS, parseIncrement('sc-inc-gpc0', false), (ast) => compileCount('gpc0', null, ast)),
  row('sc-inc-gpc1', ALL_SETS, parseIncrement('sc-inc-gpc1', false), (ast) => compileCount('gpc1', null, ast)),
  row('sc-add-gpc', ALL_SETS, parseValue('sc-add-gpc', true), (ast, linker) =>
    compileCount('gpc', compileValue(ast, linker), ast),
  ),
  row('sc-set-gpt', ALL_SETS, parseValue('sc-set-gpt', true), (ast, linker) => compileTag('gpt', ast, linker)),
  row('sc-set-gpt0', ALL_SETS, parseValue('sc-set-gpt0', false), (ast, linker) => compileTag('gpt0', ast, linker)),
];
