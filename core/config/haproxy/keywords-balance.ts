// `balance` and what goes with it (manual §4.2 "balance", "hash-type", "hash-balance-factor", "hash-preserve-affinity").

import type { BalanceAlgorithm, HashAffinity, HashType } from '../../model/proxy.ts';
import { parseExpression } from '../../sample/expression-parse.ts';
import { fetchRow } from '../../sample/fetches.ts';
import { AT_BE_SET_SRV, USE_L6REQ } from '../../sample/types.ts';
import { placesOf, sourceNames } from '../../sample/validity.ts';
import type { ParseContext, Statement } from './context.ts';
import type { BalanceDraft, ProxyDraft } from './drafts.ts';
import { languageScope } from './language-scope.ts';
import { cInteger, parseLong } from './units.ts';

type Reader = (statement: Statement) => BalanceDraft | string;

const RANDOM_DRAWS_DEFAULT = 2;
const RDP_COOKIE_DEFAULT = 'mstshash';

const found = (algorithm: BalanceAlgorithm): BalanceDraft => ({ algorithm });

/** By the word's exact spelling. */
const ALGORITHMS: Readonly<Record<string, Reader>> = {
  '': () => found({ name: 'random', draws: 0 }),
  roundrobin: () => found({ name: 'roundrobin' }),
  'static-rr': () => found({ name: 'static-rr' }),
  leastconn: () => found({ name: 'leastconn' }),
  first: () => found({ name: 'first' }),
  source: () => found({ name: 'source' }),
  uri: readUri,
  url_param: readParameter,
  hash: readHash,
  'log-hash': (statement) =>
    statement.at(2) === '' ? 'log-hash requires a converter list.' : { algorithm: null, needsLog: true },
};

/** By how the word begins, in HAProxy's order. */
const ALGORITHM_STARTS: readonly (readonly [start: string, read: Reader])[] = [
  ['random', readRandom],
  ['hdr(', readHeader],
  ['rdp-cookie', readRdpCookie],
];

export function setBalance(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const word = statement.at(1);
  if (word === 'sticky') return context.notImplemented('balance sticky');
  const exact = Object.hasOwn(ALGORITHMS, word) ? ALGORITHMS[word] : undefined;
  const read = exact ?? ALGORITHM_STARTS.find(([start]) => word.startsWith(start))?.[1];
  const result =
    read?.(statement) ??
    `only supports 'roundrobin', 'static-rr', 'leastconn', 'source', 'uri', 'url_param', 'hash', ` +
      `'hdr(name)', 'rdp-cookie(name)', 'log-hash' and 'sticky' options.`;
  if (typeof result === 'string') context.alert(`balance ${result}`);
  else proxy.balance = result;
}

function readRandom(statement: Statement): BalanceDraft | string {
  const text = statement.at(1).slice('random'.length);
  if (text[0] !== '(' || text[1] === ')') return found({ name: 'random', draws: RANDOM_DRAWS_DEFAULT });
  const number = parseLong(text.slice(1), 0);
  if (number.rest === '') return 'random : missing closing parenthesis.';
  if (number.rest[0] !== ')') return `random : unexpected character '${number.rest[0]}' after argument.`;
  if (number.value < 1) return 'random : number of draws must be at least 1.';
  return found({ name: 'random', draws: number.value });
}

function readUri(statement: Statement): BalanceDraft | string {
  const uri = { name: 'uri' as const, whole: false, pathOnly: false, length: 0, depth: 0 };
  for (let at = 2; statement.at(at) !== ''; at++) {
    const word = statement.at(at);
    if (word === 'whole') uri.whole = true;
    else if (word === 'path-only') uri.pathOnly = true;
    else if (word === 'len' || word === 'depth') {
      at++;
      const value = cInteger(statement.at(at));
      if (value <= 0) return `uri : '${word}' expects a positive integer (got '${statement.at(at)}').`;
      uri[word === 'len' ? 'length' : 'depth'] = value;
    } else return `uri only accepts parameters 'len', 'depth', 'path-only', and 'whole' (got '${word}').`;
  }
  return found(uri);
}

function readParameter(statement: Statement): BalanceDraft | string {
  const [parameter, modifier] = [statement.at(2), statement.at(3)];
  if (parameter === '') return 'url_param requires an URL parameter name.';
  // The modifier only says what is done anyway.
  if (modifier !== '' && modifier !== 'check_post') {
    return `url_param only accepts 'check_post' modifier (got '${modifier}').`;
  }
  return found({ name: 'url_param', parameter });
}

function readHash(statement: Statement): BalanceDraft | string {
  const [expression, extra] = [statement.at(2), statement.at(3)];
  if (expression === '') return 'hash requires a sample expression.';
  if (extra !== '') return `hash takes no other argument (got '${extra}').`;
  return { algorithm: null, expression };
}

function readHeader(statement: Statement): BalanceDraft | string {
  const word = statement.at(1);
  const header = word.slice('hdr('.length).split(')')[0]!;
  if (!word.includes(')') || header === '') return 'hdr requires an http header field name.';
  const modifier = statement.at(2);
  if (modifier !== '' && modifier !== 'use_domain_only') {
    return `${word} only accepts 'use_domain_only' modifier (got '${modifier}').`;
  }
  return found({ name: 'hdr', header, domainOnly: modifier !== '' });
}

function readRdpCookie(statement: Statement): BalanceDraft | string {
  const text = statement.at(1).slice('rdp-cookie'.length);
  if (text === '') return found({ name: 'rdp-cookie', cookie: RDP_COOKIE_DEFAULT });
  const cookie = text.slice(1).split(')')[0]!;
  if (text[0] !== '(' || !text.includes(')') || cookie === '') return 'rdp-cookie : missing cookie name.';
  return found({ name: 'rdp-cookie', cookie });
}

/** Algorithms that this section's mode cannot have: round robin instead. */
export function dropUnfitBalance(proxy: ProxyDraft, context: ParseContext): void {
  const { algorithm } = proxy.balance;
  const title = `${proxy.typeWord} '${proxy.name}'`;
  const needsHttp = algorithm?.name === 'uri' || algorithm?.name === 'url_param' || algorithm?.name === 'hdr';
  if (needsHttp && proxy.mode !== 'http') {
    context.warnText(`Layer 7 hash not possible for ${title} (needs 'mode http'). Falling back to round robin.`);
    proxy.balance = found({ name: 'roundrobin' });
  }
}

/** `log-hash` is for a mode that is not here. */
export function dropLogBalance(proxy: ProxyDraft, context: ParseContext): void {
  if (proxy.balance.needsLog !== true) return;
  context.warnText(
    `Unusable balance algorithm for ${proxy.typeWord} '${proxy.name}' (needs 'mode log'). Falling back to round robin.`,
  );
  proxy.balance = found({ name: 'roundrobin' });
}

/** `balance hash`: its expression, now that the section is known. False: it is wrong. */
export function settleBalance(proxy: ProxyDraft, context: ParseContext): boolean {
  const { expression } = proxy.balance;
  if (expression === undefined) return true;
  const place = `${proxy.typeWord} '${proxy.name}' [${proxy.file}:${proxy.line}]: `;
  const scope = { ...languageScope(context, proxy, 'use-server'), file: proxy.file, line: proxy.line };
  const parsed = parseExpression([expression], 0, scope);
  if (!parsed.ok) {
    context.alertText(`${place}failed to parse 'balance hash' expression '${expression}' in : ${parsed.error}.`);
    return false;
  }
  const { uses } = fetchRow(parsed.ast.fetch)!;
  if ((placesOf(uses) & AT_BE_SET_SRV) === 0) {
    context.alertText(
      `${place}error detected while parsing 'balance hash' expression '${expression}' which requires information ` +
        `from ${sourceNames(uses)}, which is not available here.`,
    );
    return false;
  }
  if (proxy.mode === 'http' && (uses & USE_L6REQ) !== 0) {
    context.warnText(
      `${place}L6 sample fetch <${expression}> will be ignored in 'balance hash' expression in HTTP mode.`,
    );
  }
  proxy.balance = found({ name: 'hash', expression: parsed.ast });
  return true;
}

const HASH_FUNCTIONS: readonly HashType['function'][] = ['sdbm', 'djb2', 'wt6', 'crc32', 'none'];

export function setHashType(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const [method, functionName, modifier] = [statement.at(1), statement.at(2), statement.at(3)];
  if (method === 'avalanche') {
    return context.alert(
      `experimental feature 'hash-type avalanche' is not supported anymore, ` +
        `please use 'hash-type map-based sdbm avalanche' instead.`,
    );
  }
  if (method !== 'consistent' && method !== 'map-based') {
    return context.alert(`'hash-type' only supports 'consistent' and 'map-based'.`);
  }
  if (functionName === '') {
    proxy.hashType = { method, function: 'sdbm', avalanche: method === 'consistent' };
    return;
  }
  const hash = HASH_FUNCTIONS.find((name) => name === functionName);
  if (hash === undefined) {
    return context.alert(`'hash-type' only supports 'sdbm', 'djb2', 'crc32', or 'wt6' hash functions.`);
  }
  if (modifier !== '' && modifier !== 'avalanche') {
    return context.alert(`'hash-type' only supports 'avalanche' as a modifier for hash functions.`);
  }
  proxy.hashType = { method, function: hash, avalanche: modifier === 'avalanche' };
}

const BALANCE_FACTOR_NONE = 100; // nothing above the average: 0 says that better

export function setHashBalanceFactor(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  if (statement.at(1) === '') return context.alert(`'hash-balance-factor' expects an integer argument.`);
  const factor = cInteger(statement.at(1));
  if (factor !== 0 && factor <= BALANCE_FACTOR_NONE) {
    return context.alert(`'hash-balance-factor' must be 0 or greater than 100.`);
  }
  proxy.hashBalanceFactor = factor;
}

const AFFINITIES: readonly HashAffinity[] = ['always', 'maxconn', 'maxqueue'];

export function setHashAffinity(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const word = statement.at(1);
  if (word === '') {
    return context.alert(`'hash-preserve-affinity' needs a keyword to specify when to preserve hash affinity`);
  }
  if (!proxy.back) return context.alert(`'hash-preserve-affinity' only available in backend or listen section`);
  const affinity = AFFINITIES.find((each) => each === word);
  if (affinity === undefined) context.alert(`'hash-preserve-affinity': unknown keyword '${word}'`);
  else proxy.hashAffinity = affinity;
}
