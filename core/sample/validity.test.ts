// Goal: it is known where a value is there to be read, and the words about where it is not are HAProxy's. Method: sources and
// places one by one; conditions of ACLs in the wrong place. (The whole table is compared line by line with `-dKsmp` by
// core/config/haproxy/parity-language.test.ts.)

import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import type { ConditionAst } from '../model/language.ts';
import { findAcl, parseCondition } from './acl-parse.ts';
import { LanguageBench } from './fixture-language.ts';
import {
  AT_BE_HRS_HDR,
  AT_CFG_PARSER,
  AT_CLI_PARSER,
  AT_FE_CON_ACC,
  AT_FE_HRQ_HDR,
  AT_FE_LOG_END,
  AT_FE_SET_BCK,
  USE_BKEND,
  USE_CONST,
  USE_HRQHP,
  USE_HRQHV,
  USE_HRSHV,
  USE_INTRN,
  USE_L5CLI,
} from './types.ts';
import { aclUses, conditionProblem, fetchProblem, isValidAt, placeName, placesOf, sourceNames } from './validity.ts';

test('constants have a value everywhere, headers only in their direction', () => {
  strictEqual(placesOf(USE_CONST), 2 ** 22 - 1);
  ok(isValidAt(USE_INTRN, AT_CLI_PARSER) && !isValidAt(USE_INTRN, AT_CFG_PARSER));
  ok(isValidAt(USE_HRQHV, AT_FE_HRQ_HDR) && !isValidAt(USE_HRQHV, AT_BE_HRS_HDR));
  ok(isValidAt(USE_HRQHP, AT_FE_LOG_END) && !isValidAt(USE_HRQHV, AT_FE_LOG_END));
  ok(isValidAt(USE_HRSHV, AT_BE_HRS_HDR) && !isValidAt(USE_HRSHV, AT_FE_SET_BCK));
  ok(!isValidAt(USE_L5CLI, AT_FE_CON_ACC) && !isValidAt(USE_BKEND, AT_FE_HRQ_HDR));
  strictEqual(placesOf(0), 0);
});

test('sources and places have HAProxy’s names', () => {
  strictEqual(sourceNames(USE_HRQHV | USE_L5CLI), 'client-side connection,HTTP request headers');
  strictEqual(placeName(AT_FE_SET_BCK), 'frontend use-backend rule');
  strictEqual(placeName(AT_FE_HRQ_HDR | AT_BE_HRS_HDR), 'frontend http-request header rule');
  strictEqual(placeName(0), 'unknown sample check place, please report this bug');
  strictEqual(fetchProblem('x', USE_HRSHV, AT_BE_HRS_HDR), null);
  strictEqual(
    fetchProblem('x', USE_HRSHV, AT_FE_SET_BCK),
    "fetch method 'x' extracts information from 'HTTP response headers', none of which is available here",
  );
});

test('a condition is warned about when one of its ACLs has no value', () => {
  const bench = new LanguageBench();
  bench.acl('late status 200');
  bench.acl('both status 200');
  bench.acl('both path /a');
  const problem = (text: string): string | null => {
    const parsed = parseCondition(text.split(' '), 0, bench.scope);
    ok(parsed.ok);
    return conditionProblem(parsed.ast, AT_FE_HRQ_HDR);
  };
  const place = 'frontend http-request header rule';
  deepStrictEqual(['if TRUE', 'if late', 'if { status 200 }', 'if { path /a } || late', 'if both'].map(problem), [
    null,
    `acl 'late' will never match because it only involves keywords that are incompatible with '${place}'`,
    `anonymous acl will never match because it uses keyword 'status' which is incompatible with '${place}'`,
    `acl 'late' will never match because it only involves keywords that are incompatible with '${place}'`,
    `acl 'both' involves keywords 'status' which is incompatible with '${place}'`,
  ]);
  strictEqual(conditionProblem(null, AT_FE_HRQ_HDR), null);
  const none: ConditionAst = { unless: false, groups: [], text: '', file: '', line: 0 };
  strictEqual(conditionProblem(none, AT_FE_HRQ_HDR), null);
});

test('an ACL uses what all its tests use', () => {
  const bench = new LanguageBench();
  bench.acl('x path /a');
  bench.acl('x status 200');
  const acl = findAcl('x', bench.scope);
  ok(typeof acl !== 'string');
  strictEqual(isValidAt(aclUses(acl), AT_FE_HRQ_HDR) && isValidAt(aclUses(acl), AT_BE_HRS_HDR), true);
});
