// Keywords of defaults, frontend, backend and listen sections (manual §4.2): what weir implements, row by row.
//
// A row's `side` is what the keyword needs: elsewhere HAProxy warns that it is ignored and reads on, so that a
// mistake in its arguments is still found. `defaults: false` rows are refused in a defaults section.

import type { HttpReuse, Timeouts } from '../../model/proxy.ts';
import { parseAddress } from './addresses.ts';
import type { ParseContext, Statement } from './context.ts';
import type { ProxyDraft } from './drafts.ts';
import { addErrorFile, addErrorFiles, addErrorLocation, addHttpError } from './error-replies.ts';
import { bestMatch } from './hints.ts';
import { type Keyword, tableOf, timeProblem, warnTrailing } from './keyword-table.ts';
import { setAcl } from './keywords-acl.ts';
import { setBalance, setHashAffinity, setHashBalanceFactor, setHashType } from './keywords-balance.ts';
import { parseBind } from './keywords-bind.ts';
import { parseCapture, parseDeclare } from './keywords-capture.ts';
import { parseLogLine } from './keywords-log.ts';
import {
  setCustomLogFormat,
  setErrorLogFormat,
  setLogFormatSd,
  setUniqueIdFormat,
  setUniqueIdHeader,
} from './keywords-log-format.ts';
import { parseOption } from './keywords-option.ts';
import {
  addHttpRule,
  addRedirect,
  addTcpRequestRule,
  addTcpResponseRule,
  addUseBackend,
  addUseServer,
} from './keywords-rules.ts';
import { claimGuid, parseServerLine, toSource } from './keywords-server.ts';
import { parseStickTable } from './keywords-stick-table.ts';
import { PROXY_COMMON, PROXY_REGISTERED, PROXY_UNLISTED } from './known-keywords.ts';
import { removedKeyword } from './removed-keywords.ts';
import { cInteger, looksTooSmall, parseLong, parseTime } from './units.ts';

export interface ProxyKeyword extends Keyword<ProxyDraft> {
  readonly side: 'front' | 'back' | 'any';
  readonly hint: string; // added to the warning when the side is missing
  readonly defaults: boolean;
}

function row(
  name: string,
  side: ProxyKeyword['side'],
  args: readonly string[],
  set: ProxyKeyword['set'],
  how: { listed?: boolean; hint?: string; defaults?: boolean } = {},
): ProxyKeyword {
  const { listed = false, hint = '', defaults = true } = how;
  return { name, side, args, set, listed, hint, defaults };
}

type NumberField = 'maxconn' | 'backlog' | 'fullconn';

function count(name: NumberField, side: 'front' | 'back', hint = ''): ProxyKeyword {
  const set: ProxyKeyword['set'] = (statement, proxy, context) => {
    if (statement.at(1) === '') return context.alert(`'${name}' expects an integer argument.`);
    proxy[name] = cInteger(statement.at(1));
    context.tooManyWords(statement, 1);
  };
  return row(name, side, ['<number>'], set, { hint });
}

function setRetries(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  if (context.tooManyWords(statement, 1)) return;
  if (statement.at(1) === '') {
    return context.alert(`'retries' expects an integer argument (dispatch counts for one).`);
  }
  proxy.retries = cInteger(statement.at(1));
}

const FOREIGN_MODES: readonly string[] = ['log', 'spop', 'haterm'];

function setMode(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  if (context.tooManyWords(statement, 1)) return;
  const mode = statement.at(1);
  if (mode === 'http' || mode === 'tcp') proxy.mode = mode;
  else if (mode === 'health') {
    context.alert(`'mode health' doesn't exist anymore. Please use 'http-request return status 200' instead.`);
  } else if (FOREIGN_MODES.includes(mode)) context.notImplemented(`mode ${mode}`);
  else context.alert(`unknown proxy mode '${mode}'.`);
}

function setId(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  if (proxy.kind === 'defaults') return context.alertTight(`'id' not allowed in 'defaults' section.`);
  if (context.tooManyWords(statement, 1)) return;
  if (statement.at(1) === '') return context.alertTight(`'id' expects an integer argument.`);
  const id = cInteger(statement.at(1));
  if (id <= 0) return context.alertTight('custom id has to be > 0.');
  const other = context.proxies.find((each) => each !== proxy && each.id === id);
  if (other !== undefined) {
    return context.alertTight(
      `${proxy.typeWord} ${proxy.name} reuses same custom id as ${other.typeWord} ${other.name} ` +
        `(declared at ${other.file}:${other.line}).`,
    );
  }
  proxy.id = id;
}

function setDescription(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  if (proxy.kind === 'defaults') return context.alertTight(`'description' not allowed in 'defaults' section.`);
  if (statement.at(1) === '') {
    return context.abandon(`parsing [${context.file}:${context.line}]: 'description' expects a string argument.`);
  }
  proxy.description = statement.words.slice(1).join(' ');
}

function setDisabled(disabled: boolean): ProxyKeyword['set'] {
  return (statement, proxy, context) => {
    if (!context.tooManyWords(statement, 0)) proxy.disabled = disabled;
  };
}

function setGuid(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  if (statement.at(1) === '') return context.alert(`'guid' : expects an argument`);
  const problem = claimGuid(context, statement.at(1), `${proxy.typeWord} ${proxy.name}`);
  if (problem !== '') context.alert(`'guid': ${problem}`);
}

interface TimeoutRow {
  readonly field: keyof Timeouts;
  readonly side: 'front' | 'back' | 'any';
}

const TIMEOUTS: Readonly<Record<string, TimeoutRow>> = {
  client: { field: 'client', side: 'front' },
  tarpit: { field: 'tarpit', side: 'any' },
  'client-hs': { field: 'clientHandshake', side: 'front' },
  'http-keep-alive': { field: 'httpKeepAlive', side: 'any' },
  'http-request': { field: 'httpRequest', side: 'any' },
  server: { field: 'server', side: 'back' },
  connect: { field: 'connect', side: 'back' },
  check: { field: 'check', side: 'back' },
  queue: { field: 'queue', side: 'back' },
  tunnel: { field: 'tunnel', side: 'back' },
  'client-fin': { field: 'clientFin', side: 'front' },
  'server-fin': { field: 'serverFin', side: 'back' },
};
const TIMEOUT_MS_SUSPICIOUS = 100;

function setTimeoutOf(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const name = statement.at(1);
  const known = Object.hasOwn(TIMEOUTS, name) ? TIMEOUTS[name] : undefined;
  if (known === undefined) {
    return context.alert(
      `'timeout' supports 'client', 'server', 'connect', 'check', 'queue', 'handshake', 'http-keep-alive', ` +
        `'http-request', 'tunnel', 'tarpit', 'client-fin' and 'server-fin' (got '${name}')`,
    );
  }
  const text = statement.at(2);
  if (text === '') return context.alert(`'timeout ${name}' expects an integer value (in milliseconds)`);
  const result = parseTime(text, 'ms');
  if (!result.ok) {
    const odd = (char: string): string => `unexpected character '${char}' in 'timeout ${name}'`;
    return context.alert(timeProblem(text, `timeout ${name}`, result, odd));
  }
  warnTrailing(text, result, context);
  const extra = statement.at(3);
  if (extra !== '') {
    context.alert(`'timeout ${name}' : unexpected extra argument '${extra}' after value '${text}'.`);
  } else warnTimeout(name, known, text, result.value, proxy, context);
  proxy.timeouts[known.field] = result.value;
}

/** At most one warning a line: the later cause hides the earlier, as in HAProxy. */
function warnTimeout(
  name: string,
  { field, side }: TimeoutRow,
  text: string,
  value: number,
  proxy: ProxyDraft,
  context: ParseContext,
): void {
  const { defaults } = context;
  if (side !== 'any' && !proxy[side]) {
    const missing = side === 'back' ? 'backend' : 'frontend';
    context.warn(
      `'timeout ${name}' will be ignored because ${proxy.typeWord} '${proxy.name}' has no ${missing} capability`,
    );
  } else if (defaults !== null && proxy.timeouts[field] !== defaults.timeouts[field]) {
    context.warn(`overwriting 'timeout ${name}' which was already specified`);
  } else if (looksTooSmall(text, TIMEOUT_MS_SUSPICIOUS)) {
    context.warn(
      `'timeout ${name} ${value}' in ${proxy.typeWord} '${proxy.name}' is suspiciously small for a value in ` +
        `milliseconds. Please use an explicit unit ('${value}ms') if that was the intent.`,
    );
  }
}

function setRateLimit(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const [what, text] = [statement.at(1), statement.at(2)];
  if (what !== 'sessions') return context.alert(`'rate-limit' only supports 'sessions' (got '${what}')`);
  if (text === '') {
    return context.alert(`'rate-limit sessions' expects expects an integer value (in sessions/second)`);
  }
  const number = parseLong(text, 0);
  if (number.rest !== '') {
    const odd = number.rest[0];
    return context.alert(`'rate-limit sessions' : unexpected character '${odd}' in integer value '${text}'`);
  }
  const { defaults } = context;
  if (!proxy.front) {
    context.warn(
      `rate-limit sessions will be ignored because ${proxy.typeWord} '${proxy.name}' has no frontend capability`,
    );
  } else if (defaults !== null && proxy.rateLimitSessions !== defaults.rateLimitSessions) {
    context.warn('overwriting rate-limit sessions which was already specified');
  }
  proxy.rateLimitSessions = number.value >>> 0;
}

function setMonitorUri(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  if (context.tooManyWords(statement, 1)) return;
  if (statement.at(1) === '') context.alert(`'monitor-uri' expects an URI.`);
  else proxy.monitorUri = statement.at(1);
}

function setDefaultBackend(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  if (statement.at(1) === '') return context.alert(`'default_backend' expects a backend name.`);
  proxy.defaultBackend = statement.at(1);
  context.tooManyWords(statement, 1);
}

const REUSE_WORDS: readonly HttpReuse[] = ['never', 'safe', 'aggressive', 'always'];

function setHttpReuse(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const reuse = REUSE_WORDS.find((word) => word === statement.at(1));
  if (reuse === undefined) {
    return context.alert(`'http-reuse' only supports 'never', 'safe', 'aggressive', 'always'.`);
  }
  proxy.httpReuse = reuse;
  context.tooManyWords(statement, 0, 1);
}

function setSource(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const text = statement.at(1);
  if (text === '') {
    return context.alert(`'source' expects <addr>[:<port>], and optionally 'usesrc' <addr>, and 'interface' <name>.`);
  }
  const result = parseAddress(text, { resolve: true, portAllowed: true, stream: true }, context);
  if (!result.ok) return context.alert(`'source ${text}' : ${result.message}`);
  let interfaceName = '';
  for (let at = 2; statement.at(at) !== ''; at += 2) {
    const word = statement.at(at);
    if (word === 'usesrc') return context.notImplemented('source ... usesrc');
    if (word !== 'interface') {
      return context.alert(`'source' only supports optional keywords 'interface' and 'usesrc'.`);
    }
    interfaceName = statement.at(at + 1);
    if (interfaceName === '') return context.alert(`'source' : missing interface name.`);
  }
  proxy.source = toSource(result.address, interfaceName);
}

function setLogTag(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  if (statement.at(1) === '') context.alert(`'log-tag' expects a tag for use in syslog.`);
  else proxy.logTag = statement.at(1);
}

/** `conn-failure` alone is what weir does anyway. */
function checkRetryOn(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  if (statement.at(1) === '') {
    return context.alert(`'retry-on' needs at least one keyword to specify when to retry`);
  }
  if (!proxy.back) return context.alert(`'retry-on' only available in backend or listen section`);
  for (const word of statement.words.slice(1)) {
    if (word === 'conn-failure') continue;
    if (RETRY_WORDS.includes(word)) return context.notImplemented(`retry-on ${word}`);
    return context.alert(`'retry-on': unknown keyword '${word}'`);
  }
}

const RETRY_WORDS: readonly string[] = [
  ...['none', 'empty-response', 'response-timeout', '0rtt-rejected', 'junk-response', 'all-retryable-errors'],
  ...['401', '403', '404', '408', '421', '425', '429', '500', '501', '502', '503', '504'],
];

export const proxyKeywords: readonly ProxyKeyword[] = [
  row('mode', 'any', ['{ http | tcp }'], setMode),
  row('id', 'any', ['<value>'], setId),
  row('guid', 'any', ['<string>'], setGuid, { listed: true, defaults: false }),
  row('description', 'any', ['<string>'], setDescription),
  row('disabled', 'any', [], setDisabled(true)),
  row('enabled', 'any', [], setDisabled(false)),
  row('option', 'any', ['<name>', '[args]'], parseOption),
  row('timeout', 'any', ['<event>', '<time>'], setTimeoutOf, { listed: true }),
  row('log', 'any', ['global | <target> ...'], (statement, proxy, context) =>
    parseLogLine(statement, proxy.loggers, context.global.log, context),
  ),
  row('log-tag', 'any', ['<string>'], setLogTag),
  row('log-format', 'any', ['<fmt>'], setCustomLogFormat),
  row('log-format-sd', 'any', ['<fmt>'], setLogFormatSd),
  row('error-log-format', 'any', ['<fmt>'], setErrorLogFormat),
  row('unique-id-format', 'any', ['<fmt>'], setUniqueIdFormat),
  row('unique-id-header', 'any', ['<name>'], setUniqueIdHeader),
  row('errorfile', 'any', ['<code>', '<file>'], addErrorFile, { listed: true }),
  row('errorfiles', 'any', ['<name>', '[<code> ...]'], addErrorFiles, { listed: true }),
  row('errorloc', 'any', ['<code>', '<url>'], addErrorLocation, { listed: true }),
  row('errorloc302', 'any', ['<code>', '<url>'], addErrorLocation, { listed: true }),
  row('errorloc303', 'any', ['<code>', '<url>'], addErrorLocation, { listed: true }),
  row('http-error', 'any', ['status', '<code>', '...'], addHttpError, { listed: true }),
  row('http-request', 'any', ['<action>', '...'], addHttpRule),
  row('http-response', 'any', ['<action>', '...'], addHttpRule),
  row('http-after-response', 'any', ['<action>', '...'], addHttpRule),
  row('tcp-request', 'any', ['<kind>', '...'], addTcpRequestRule, { listed: true }),
  row('tcp-response', 'any', ['<kind>', '...'], addTcpResponseRule, { listed: true }),
  row('acl', 'any', ['<aclname>', '<criterion>', '[flags]', '[operator]', '<value> ...'], setAcl),
  row('redirect', 'any', ['<kind>', '<to>', '...'], addRedirect, { defaults: false }),

  row('bind', 'front', ['[<address>]:<port_range> [, ...]', '[param*]'], parseBind, { defaults: false }),
  count('maxconn', 'front', " Maybe you want 'fullconn' instead ?"),
  count('backlog', 'front'),
  row('rate-limit', 'any', ['sessions', '<rate>'], setRateLimit, { listed: true }),
  row('monitor-uri', 'front', ['<uri>'], setMonitorUri),
  row('default_backend', 'front', ['<backend>'], setDefaultBackend),
  row('stick-table', 'any', ['type', '<type>', 'size', '<size>', '…'], parseStickTable),
  row('capture', 'front', ['{ cookie | request header | response header }', '<name>', 'len', '<length>'], parseCapture),
  row('declare', 'any', ['capture', '{ request | response }', 'len', '<length>'], parseDeclare, { listed: true }),
  row('use_backend', 'front', ['<backend>', '[<condition>]'], addUseBackend, { defaults: false }),

  row('server', 'any', ['<name>', '<address>[:[port]]', '[param*]'], (statement, proxy, context) => {
    parseServerLine(statement, proxy, context, false);
  }),
  row('default-server', 'any', ['[param*]'], (statement, proxy, context) => {
    parseServerLine(statement, proxy, context, true);
  }),
  row('use-server', 'back', ['<server>', '<condition>'], addUseServer, { defaults: false }),
  row('balance', 'back', ['<algorithm>', '[<arguments>]'], setBalance),
  row('hash-type', 'back', ['<method>', '<function>', '<modifier>'], setHashType),
  row('hash-balance-factor', 'any', ['<factor>'], setHashBalanceFactor),
  row('hash-preserve-affinity', 'any', ['{ always | maxconn | maxqueue }'], setHashAffinity, { listed: true }),
  count('fullconn', 'back', " Maybe you want 'maxconn' instead ?"),
  row('retries', 'back', ['<value>'], setRetries),
  row('retry-on', 'any', ['conn-failure'], checkRetryOn, { listed: true }),
  row('http-reuse', 'back', ['{ never | safe | aggressive | always }'], setHttpReuse),
  row('source', 'back', ['<addr>[:<port>]', '[interface <name>]'], setSource),
];

const table = tableOf(proxyKeywords);

export function parseProxyLine(statement: Statement, context: ParseContext): void {
  const { proxy } = context;
  if (proxy === null) return context.alert(`'listen' or 'defaults' expected.`);
  const word = statement.at(0);
  const found = table.get(word);
  if (found === undefined) return refuse(statement, context);
  if (!found.defaults && proxy.kind === 'defaults') {
    return context.alert(`'${word}' not allowed in 'defaults' section.`);
  }
  if (found.side !== 'any') context.warnSide(proxy, found.side, word, found.hint);
  found.set(statement, proxy, context);
}

function refuse(statement: Statement, context: ParseContext): void {
  const word = statement.at(0);
  const removed = removedKeyword(statement);
  if (removed !== null) {
    if (removed.tight) context.alertTight(removed.text);
    else context.alert(removed.text);
  } else if ([PROXY_REGISTERED, PROXY_COMMON, PROXY_UNLISTED].some((words) => words.includes(word))) {
    context.notImplemented(word);
  } else context.unknownKeyword(word, bestMatch(word, [...PROXY_REGISTERED, ...PROXY_COMMON]));
}
