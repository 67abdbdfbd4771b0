// Where a value is there to be read: what fetches use, and the places where rules are evaluated (HAProxy's fetch_cap table;
// the columns of `-dKsmp`). Also the words about ACLs and fetches in a place where they have no value.

import type { AclAst, ConditionAst } from '../model/language.ts';
import { USE_CONST } from './types.ts';

// One row for each USE_… bit, one column for each AT_… bit, in their order.
const ROWS: readonly string[] = [
  'YYYYYYYYYYYYYYYYYYYYYY', // CONST
  'YYYYYYYYYYYYYYYYYYYY.Y', // INTRN
  'YYYYYYYYYYYYYYYYYYY...', // LISTN
  'YYYYYYYYYYYYYYYYYYY...', // FTEND
  'YYYYYYYYYYYYYYYYYYYY..', // L4CLI
  '.YYYYYYYYYYYYYYYYYY...', // L5CLI
  'YYYYYYYYYYYYYYYYYYY...', // TRACK
  '..YYYYYYYYY...........', // L6REQ
  '..YYYYYYYYY...........', // HRQHV
  '..YYYYYYYYYYYYYYYYY...', // HRQHP
  '....YYYYYYY...........', // HRQBO
  '......YYYYYYYYYYYYYY..', // BKEND
  '..........YYYYYYYYYY..', // SERVR
  '...........YYYYYYYYY..', // L4SRV
  '...........YYYYYYYYY..', // L5SRV
  '...........YYYYYYY.Y..', // L6RES
  '...........YYYYYYY.Y..', // HRSHV
  '...........YYYYYYYYY..', // HRSHP
  '.............YYYYY.Y..', // HRSBO
  '..YYYYYYYYYYYYYYYYY...', // RQFIN
  '.........YYYYYYYYYY...', // RSFIN
  '..YYYYYYYYYYYYYYYYY...', // TXFIN
  'YYYYYYYYYYYYYYYYYYY...', // SSFIN
];

const PLACES: readonly number[] = ROWS.map((row) => {
  let bits = 0;
  for (let bit = 0; bit < row.length; bit++) if (row[bit] === 'Y') bits |= 1 << bit;
  return bits;
});

/** AT_… bits of the places where something that uses these sources has a value. */
export function placesOf(uses: number): number {
  let places = 0;
  for (let bit = 0; bit < PLACES.length; bit++) if ((uses & (1 << bit)) !== 0) places |= PLACES[bit]!;
  return places;
}

/** Names of sources, by USE_… bit. */
const SOURCE_NAMES: readonly string[] = [
  '(null)', // constants have none, and are valid everywhere
  'internal state',
  'listener',
  'frontend',
  'client address',
  'client-side connection',
  'track counters',
  'request buffer',
  'HTTP request headers',
  'HTTP request',
  'HTTP request body',
  'backend',
  'server',
  'server address',
  'server-side connection',
  'response buffer',
  'HTTP response headers',
  'HTTP response',
  'HTTP response body',
  'request buffer statistics',
  'response buffer statistics',
  'transaction statistics',
  'session statistics',
];

/** `HTTP request headers,HTTP request`: what an expression takes its value from. */
export function sourceNames(uses: number): string {
  return SOURCE_NAMES.filter((_, bit) => (uses & (1 << bit)) !== 0).join(',');
}

/** Names of places, by AT_… bit; the headings of `-dKsmp`. */
export const PLACE_NAMES: readonly string[] = [
  'frontend tcp-request connection rule',
  'frontend tcp-request session rule',
  'frontend tcp-request content rule',
  'frontend http-request header rule',
  'frontend http-request body rule',
  'frontend use-backend rule',
  'backend tcp-request content rule',
  'backend http-request header rule',
  'backend http-request body rule',
  'backend use-server, balance or stick-match rule',
  'server source selection',
  'backend tcp-response content rule',
  'backend http-response header rule',
  'backend http-response body rule',
  'backend stick-store rule',
  'frontend tcp-response content rule',
  'frontend http-response header rule',
  'frontend http-response body rule',
  'logs',
  'backend tcp-check rule',
  'configuration parser',
  'CLI parser',
];

/** The name of the first of these places. */
export function placeName(places: number): string {
  const bit = PLACE_NAMES.findIndex((_, index) => (places & (1 << index)) !== 0);
  return PLACE_NAMES[bit] ?? 'unknown sample check place, please report this bug';
}

/** "fetch method 'x' extracts information from '…', none of which is available here", or null where it has a value. */
export function fetchProblem(keyword: string, uses: number, places: number): string | null {
  if ((placesOf(uses) & places) !== 0) return null;
  return `fetch method '${keyword}' extracts information from '${sourceNames(uses)}', none of which is available here`;
}

/** USE_… bits of all tests of an ACL. */
export function aclUses(acl: AclAst): number {
  let uses = 0;
  for (const test of acl.tests) uses |= test.expression.uses;
  return uses;
}

export function conditionUses(condition: ConditionAst): number {
  let uses = 0;
  for (const { acl } of condition.groups.flat()) uses |= aclUses(acl);
  return uses & ~USE_CONST;
}

/** A condition with a test that has no value at `places`: HAProxy's warning about the first, null when there is none. */
export function conditionProblem(condition: ConditionAst | null, places: number): string | null {
  if (condition === null) return null;
  const acls = condition.groups.flat().map(({ acl }) => acl);
  const place = placeName(places);
  const useless = acls.find((acl) => (placesOf(aclUses(acl)) & places) === 0);
  if (useless !== undefined) {
    return useless.name === ''
      ? `anonymous acl will never match because it uses keyword '${useless.tests[0]!.keyword}' which is ` +
          `incompatible with '${place}'`
      : `acl '${useless.name}' will never match because it only involves keywords that are incompatible with '${place}'`;
  }
  for (const { name, tests } of acls) {
    const test = tests.find(({ expression }) => (placesOf(expression.uses) & places) === 0);
    if (test === undefined) continue;
    return name === ''
      ? `anonymous acl involves keyword '${test.keyword}' which is incompatible with '${place}'`
      : `acl '${name}' involves keywords '${test.keyword}' which is incompatible with '${place}'`;
  }
  return null;
}

/** Whether something that uses these sources has a value at one of `places`. */
export function isValidAt(uses: number, places: number): boolean {
  return (placesOf(uses) & places) !== 0;
}
