// Stages, rules and conditions as text.

import type {
  ChangeReport,
  ConditionReport,
  LookupReport,
  PatternPlace,
  Place,
  RuleReport,
  RuleResult,
  StageReport,
  TermReport,
  TestReport,
  ValueReport,
} from './explanation.ts';
import { type Ink, ink, printable, type Signs, type Style, signsOf, wrap } from './style.ts';

const VALUE_CHARS_MAX = 200;
const VALUES_SHOWN_MAX = 12;

const INKS: Readonly<Record<RuleResult, Ink>> = {
  ...{
    applied: 'green',
    chosen: 'green',
    stopped: 'yellow',
    skipped: 'dim',
    'passed-over': 'yellow',
    missed: 'yellow',
  },
  ...{ answered: 'red', tarpitted: 'red', closed: 'red', dropped: 'red', failed: 'red', listed: 'plain' },
};

const RESULT_WORDS: Readonly<Record<RuleResult, string>> = {
  applied: 'applies',
  skipped: 'skipped',
  missed: 'waits',
  stopped: 'stops',
  chosen: 'chosen',
  'passed-over': 'unusable',
  answered: 'answers',
  tarpitted: 'tarpits',
  closed: 'closes',
  dropped: 'drops',
  failed: 'fails',
  listed: '',
};

const RESULT_COLUMNS = 10;

export class RuleText {
  private readonly style: Style;
  private readonly signs: Signs;
  private readonly lines: string[];

  constructor(style: Style, lines: string[]) {
    this.style = style;
    this.signs = signsOf(style);
    this.lines = lines;
  }

  /** One line, wrapped; `indent` columns in. */
  line(indent: number, text: string, name: Ink = 'plain', hang = 2): void {
    const { style } = this;
    for (const part of wrap(printable(text), style.width - indent, hang)) {
      this.lines.push(' '.repeat(indent) + ink(style, name, part));
    }
  }

  stage(stage: StageReport, title = stage.set): void {
    this.line(2, title, 'bold');
    if (stage.waitedMs > 0) {
      this.line(4, `bytes are missing: the rules wait ${stage.waitedMs}ms for them, then go on with what is there`);
    }
    for (const rule of stage.rules) this.rule(rule, stage.set);
    if (stage.notReached.length > 0) this.line(4, `not reached: ${this.range(stage.notReached)}`, 'dim');
  }

  private range(places: readonly Place[]): string {
    const [first, last] = [places[0]!, places.at(-1)!];
    const count = places.length === 1 ? '1 rule' : `${places.length} rules`;
    if (places.length === 1) return `${count} (${placeText(first)})`;
    const end = last.file === first.file ? String(last.line) : placeText(last);
    return `${count} (${placeText(first)}${this.signs.dash}${end})`;
  }

  private rule(rule: RuleReport, set: string): void {
    const { style } = this;
    const word = RESULT_WORDS[rule.result].padEnd(RESULT_COLUMNS);
    const isListed = rule.result === 'listed';
    const start = isListed ? '' : ink(style, INKS[rule.result], word);
    const place = `${placeText(rule)}${rule.inDefaults ? ' (defaults)' : ''}`;
    const indent = isListed ? 4 : 4 + RESULT_COLUMNS;
    const body = `${place}  ${withoutSet(rule.text, set)}`;
    const [first, ...more] = wrap(printable(body), style.width - indent, 2);
    const shade: Ink = rule.result === 'skipped' ? 'dim' : 'plain';
    this.lines.push(`    ${start}${ink(style, shade, first!)}`);
    for (const part of more) this.lines.push(' '.repeat(indent) + ink(style, shade, part));
    if (isListed) return;
    if (rule.condition !== null) this.condition(rule.condition, indent);
    this.effects(rule, indent);
  }

  private effects(rule: RuleReport, indent: number): void {
    const { arrow } = this.signs;
    for (const lookup of rule.lookups) this.line(indent, this.lookup(lookup), 'dim');
    if (rule.waitedMs > 0) this.line(indent, `${arrow} waits ${rule.waitedMs}ms`);
    for (const change of rule.changes) this.line(indent, `${arrow} ${this.change(change)}`);
    if (rule.chose !== '') {
      const unusable = rule.result === 'passed-over' ? ', which is not there or cannot be used' : '';
      this.line(indent, `${arrow} ${rule.chose}${unusable}`);
    }
    if (rule.result === 'applied' && rule.changes.length === 0 && rule.waitedMs === 0) {
      this.line(indent, `${arrow} changes nothing`, 'dim');
    }
  }

  // Conditions

  private condition(condition: ConditionReport, indent: number): void {
    condition.groups.forEach((terms, at) => {
      if (at > 0) this.line(indent, 'or', 'dim');
      for (const term of terms) this.term(term, indent);
    });
  }

  private term(term: TermReport, indent: number): void {
    if (!term.evaluated) {
      const name = term.acl === '' ? (term.tests[0]?.text ?? '') : term.acl;
      this.line(indent, `${'-'.padEnd(5)}${term.negated ? 'not ' : ''}${name}: not looked at`, 'dim');
      return;
    }
    const isNamed = term.acl !== '' && !isPredefined(term);
    const word = (term.holds === null ? '?' : term.holds ? 'yes' : 'no').padEnd(5);
    const not = term.negated ? 'not ' : '';
    if (isNamed) {
      this.line(indent, `${word}${not}${term.acl}`);
      for (const test of term.tests) this.test(test, indent + 5, `${test.text} (${placeText(test)})`);
      return;
    }
    const [test] = term.tests;
    const name = isPredefined(term) ? term.acl : (test?.text ?? '');
    if (test !== undefined) this.test(test, indent, `${word}${not}${name}`, 5);
  }

  private test(test: TestReport, indent: number, title: string, inner = 2): void {
    if (!test.evaluated) {
      this.line(indent, `${title}: not looked at`, 'dim');
      return;
    }
    this.line(indent, title, 'plain', 7);
    for (const text of this.values(test)) this.line(indent + inner, text, 'dim');
    for (const lookup of test.lookups) this.line(indent + inner, this.lookup(lookup), 'dim');
  }

  private values(test: TestReport): string[] {
    const mark = test.mark === '' ? '' : ` (${test.mark})`;
    if (test.values.length === 0) {
      const bytes = test.holds === null ? ': bytes are missing' : '';
      return [`${test.expression}: no value${test.noValueAfter === '' ? '' : ` after ${test.noValueAfter}`}${bytes}`];
    }
    const shown = test.values.slice(0, VALUES_SHOWN_MAX).map((value) => {
      const text = this.value(value);
      return `${text}${mark}${this.verdict(value, test)}`;
    });
    const left = test.values.length - shown.length;
    return left > 0 ? [...shown, `and ${left} more`] : shown;
  }

  private value({ steps, text, type }: ValueReport): string {
    const cut = (value: string): string =>
      value.length > VALUE_CHARS_MAX ? `${value.slice(0, VALUE_CHARS_MAX)}${this.signs.cut}` : value;
    if (steps.length === 0) return type === 'bool' || type === 'sint' ? text : cut(text);
    const [first, ...rest] = steps;
    return [cut(first!.text), ...rest.map((step) => `${step.name} ${cut(step.text)}`)].join(` ${this.signs.arrow} `);
  }

  private verdict(value: ValueReport, test: TestReport): string {
    if (value.matched === null) return ' (comes after the match)';
    if (test.method === 'found') return '';
    if (test.method === 'bool') return '';
    if (value.matched) return test.matched === null ? ' matches' : ` matches${this.pattern(test.matched, test)}`;
    if (test.patternCount === 0) return ' matches nothing: there are no patterns';
    return test.patternCount === 1 ? ' does not match' : ` matches none of ${test.patternCount} patterns`;
  }

  // `gt 1` is kept as the range "2:": what is written is clear enough.
  private pattern({ pattern, file, line }: PatternPlace, test: TestReport): string {
    const isOwn = file === test.file && line === test.line;
    if (isOwn && (test.method === 'int' || test.method === 'ver') && pattern.includes(':')) return '';
    return ` ${quoted(pattern)}${isOwn ? '' : ` (${placeText({ file, line })})`}`;
  }

  private lookup({ map, found, value }: LookupReport): string {
    if (found === null) return `${map}: nothing found`;
    return `${placeText(found)}: ${quoted(found.pattern)} ${this.signs.arrow} ${quoted(value)}`;
  }

  // Changes

  private change({ kind, name, before, after }: ChangeReport): string {
    const { arrow } = this.signs;
    switch (kind) {
      case 'header-added':
        return `header ${name} added: ${after}`;
      case 'header-removed':
        return `header ${name} removed, was: ${before}`;
      case 'header-changed':
        return `header ${name} changed: ${before} ${arrow} ${after}`;
      case 'variable-set':
        return `${name} = ${after}${before === null ? '' : `, was ${before}`}`;
      case 'variable-unset':
        return `${name} unset, was ${before}`;
      case 'capture':
        return `capture.${name} = ${quoted(after ?? '')}`;
      case 'map':
        return after === null ? `${name}: ${quoted(before ?? '')} deleted` : `${name}: ${quoted(after)} set`;
      case 'timeout':
        return `timeout ${name} ${after}`;
      case 'interim':
        return `sent at once: ${after}`;
      case 'log':
      case 'stream':
      case 'connection':
        return `${kind === 'log' ? 'log ' : ''}${name}: ${after}`;
      default:
        return `${kind}: ${before} ${arrow} ${after}`;
    }
  }
}

export function placeText({ file, line }: Place): string {
  return line === 0 ? file : `${file}:${line}`;
}

const quoted = (text: string): string => JSON.stringify(text);

/** A predefined ACL has no line of its own in the configuration. */
function isPredefined({ acl, tests }: TermReport): boolean {
  return acl !== '' && tests.every((test) => test.line === 0);
}

/** The words of `redirect` and its like begin with the name of their set, which the heading says already. */
function withoutSet(text: string, set: string): string {
  return text.startsWith(`${set} `) ? text.slice(set.length + 1) : text;
}
