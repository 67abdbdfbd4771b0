// Goal: conditions decide as HAProxy's do. Method: every predicate and operator, in both outcomes; `-cc` too.

import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { FEATURES, featureList } from '../../base/version.ts';
import { fuzz } from '../../testing/fuzz.ts';
import { evaluateCommandCondition } from './command-condition.ts';
import { compareVersion, evaluateCondition, splitVersion } from './conditions.ts';
import { Environment } from './environment.ts';

const environment = new Environment({ SET: '1', NAME: 'weir' });

function outcome(text: string): boolean | string {
  const result = evaluateCondition(text, environment);
  return result.ok ? result.value : result.message;
}

test('every predicate can be true and false', () => {
  const pairs: [string, string][] = [
    ['defined(SET)', 'defined(UNSET)'],
    ['feature(EPOLL)', 'feature(OPENSSL)'],
    ['streq(a,a)', 'streq(a,b)'],
    ['strneq(a,b)', 'strneq(a,a)'],
    ['strstr(haystack,stack)', 'strstr(haystack,needle)'],
    ['version_atleast(2.4)', 'version_atleast(3.5-dev1)'],
    ['version_before(9.9)', 'version_before(3.4.0)'],
    ['enabled(SPLICE)', 'enabled(NOTHING)'],
    ['1', '0'],
    ['!0', '!1'],
    ['-1', '!! 0'],
  ];
  for (const [yes, no] of pairs) {
    strictEqual(outcome(yes), true, yes);
    strictEqual(outcome(no), false, no);
  }
});

test('a TLS library that is not there has no name and no version', () => {
  strictEqual(outcome('ssllib_name_startswith(OpenSSL)'), false);
  const problem = (name: string): string => `invalid argument to conditional expression predicate '${name}': '1.1.1'`;
  strictEqual(outcome('openssl_version_atleast(1.1.1)'), problem('openssl_version_atleast'));
  strictEqual(outcome('awslc_api_before(1.1.1)'), problem('awslc_api_before'));
});

test('and binds closer than or, parentheses before both', () => {
  strictEqual(outcome('1 || 0 && 0'), true);
  strictEqual(outcome('( 1 || 0 ) && 0'), false);
  strictEqual(outcome('! ( 1 && 0 ) && streq("a b",a\\ b)'), true);
  strictEqual(outcome(''), false);
});

test('a decided side hides what cannot be answered on the other, as in HAProxy', () => {
  strictEqual(outcome('0 && openssl_version_atleast(x)'), false);
  strictEqual(outcome('1 || openssl_version_atleast(x)'), true);
});

test('only what weir has is a feature', () => {
  for (const { name, enabled } of FEATURES) strictEqual(outcome(`feature(${name})`), enabled, name);
  deepStrictEqual(
    featureList().split(' '),
    FEATURES.map(({ name, enabled }) => `${enabled ? '+' : '-'}${name}`),
  );
});

test('versions are ordered: development before release, commits after', () => {
  const ordered = ['2.9', '3.4-dev1', '3.4-dev10', '3.4-rc1', '3.4.0', '3.4.0-5', '3.4.1', '3.5-dev0'];
  for (let at = 1; at < ordered.length; at++) {
    const [less, more] = [splitVersion(ordered[at - 1]!)!, splitVersion(ordered[at]!)!];
    const part = less.findIndex((value, index) => value !== more[index]);
    strictEqual(less[part]! < more[part]!, true, `${ordered[at - 1]} < ${ordered[at]}`);
  }
  strictEqual(compareVersion('3.4.0'), 0);
  strictEqual(compareVersion('x'), null);
});

test('the command line gets an exit code and HAProxy’s words', () => {
  deepStrictEqual(evaluateCommandCondition('streq("$NAME",weir)', environment), { exitCode: 0, alert: '' });
  deepStrictEqual(evaluateCommandCondition('defined(UNSET)', environment), { exitCode: 1, alert: '' });
  deepStrictEqual(evaluateCommandCondition('foo', environment), {
    exitCode: 2,
    alert: "Failed to evaluate condition: unparsable conditional expression 'foo'",
  });
  deepStrictEqual(evaluateCommandCondition('"foo', environment), {
    exitCode: 2,
    alert: 'Syntax Error in condition: Unmatched quote.',
  });
});

const PIECES = ['(', ')', '!', '&&', '||', ' ', '1', '0', 'defined', 'streq', 'SET', ',', '"', "'", '\\', 'x', '0x'];

fuzz('no condition breaks the evaluator', (prng) => {
  let text = '';
  for (let left = prng.below(25); left > 0; left--) text += prng.pick(PIECES);
  const result = evaluateCondition(text, environment);
  if (!result.ok) strictEqual(result.position >= 0 && result.position <= text.length, true, 'position within the text');
});

test('deep nesting is refused, not followed', () => {
  const deep = evaluateCondition(`${'('.repeat(5_000)}1${')'.repeat(5_000)}`, environment);
  strictEqual(deep.ok, false);
});
