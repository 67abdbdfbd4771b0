// `option …`, `no option …` and `default option …` (manual §4.2).
//
// The on/off options are rows: on which side they mean something and whether they need HTTP. A draft remembers both
// what was switched on and what was switched off, because a few have a default that depends on the mode.

import { isIPv4, isIPv6 } from 'node:net';
import type { ForwardFor, NetMask } from '../../model/proxy.ts';
import type { ParseContext, Statement } from './context.ts';
import type { ProxyDraft } from './drafts.ts';
import { bestMatch } from './hints.ts';
import { tableOf } from './keyword-table.ts';
import { readForwarded } from './keywords-forwarded.ts';
import { warnBackend, warnOverride } from './keywords-log-format.ts';
import { OPTIONS_COMMON, OPTIONS_REGISTERED, OPTIONS_UNLISTED } from './known-keywords.ts';
import { cInteger } from './units.ts';

export interface SwitchOption {
  readonly name: string;
  readonly side: 'front' | 'back' | 'both';
  readonly http: boolean; // ignored, with a warning, outside HTTP mode
}

const option = (name: string, side: SwitchOption['side'], http = false): SwitchOption => ({ name, side, http });

/** In the order in which HAProxy warns about those that need HTTP. */
export const switchOptions: readonly SwitchOption[] = [
  option('abortonclose', 'both'),
  option('allbackups', 'back'),
  option('clitcpka', 'front'),
  option('contstats', 'front'),
  option('dontlognull', 'front'),
  option('http-buffer-request', 'both', true),
  option('http-ignore-probes', 'front', true),
  option('logasap', 'front'),
  option('nolinger', 'both'),
  option('srvtcpka', 'back'),
  option('splice-request', 'both'),
  option('splice-response', 'both'),
  option('splice-auto', 'both'),
  option('accept-unsafe-violations-in-http-request', 'front', true),
  option('accept-unsafe-violations-in-http-response', 'back', true),
  option('dontlog-normal', 'front'),
  option('log-separate-errors', 'front'),
  option('tcp-smart-accept', 'front'),
  option('tcp-smart-connect', 'back'),
  option('http-pretend-keepalive', 'back', true),
  option('http-no-delay', 'both', true),
  option('disable-h2-upgrade', 'front', true),
];

const switches = tableOf(switchOptions);

const REMOVED: Readonly<Record<string, string>> = {
  forceclose:
    "option 'forceclose' is not supported any more since HAProxy 2.0, please just remove it, or use " +
    "'option httpclose' if absolutely needed.",
  'http-tunnel':
    "option 'http-tunnel' is not supported any more since HAProxy 2.1, please just remove it, it shouldn't be needed.",
  http_proxy:
    "option 'http_proxy' is not supported any more since HAProxy 2.5. This option stopped working in HAProxy 1.9 and " +
    "usually had nasty side effects. It can be more reliably implemented with combinations of 'http-request set-dst' " +
    "and 'http-request set-uri', and even 'http-request do-resolve' if DNS resolution is desired.",
};

type Reader = (statement: Statement, proxy: ProxyDraft, context: ParseContext) => void;

/** Those that understand `no`. */
const NEGATABLE: Readonly<Record<string, Reader>> = {
  httpclose: (statement, proxy, context) => connectionMode('CLO', statement, proxy, context),
  'http-server-close': (statement, proxy, context) => connectionMode('SCL', statement, proxy, context),
  'http-keep-alive': (statement, proxy, context) => connectionMode('KAL', statement, proxy, context),
  forwarded: readForwarded,
  redispatch: readRedispatch,
};

const PLAIN: Readonly<Record<string, Reader>> = {
  httplog: (statement, proxy, context) => readLogFormat('httplog', statement, proxy, context),
  tcplog: (statement, proxy, context) => readLogFormat('tcplog', statement, proxy, context),
  tcpka: readTcpKeepAlive,
  forwardfor: (statement, proxy, context) => {
    proxy.forwardFor = readAddressHeader(statement, 'x-forwarded-for', true, context) ?? proxy.forwardFor;
  },
  originalto: (statement, proxy, context) => {
    proxy.originalTo = readAddressHeader(statement, 'x-original-to', false, context) ?? proxy.originalTo;
  },
  'http-restrict-req-hdr-names': readRestrictNames,
};

export function parseOption(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const name = statement.at(1);
  if (name === '') return context.alertTight(`'option' expects an option name.`);
  const found = switches.get(name);
  if (found !== undefined) return setSwitch(found, statement, proxy, context);
  if (OPTIONS_REGISTERED.includes(name)) {
    // Switched off is what a missing option is anyway.
    if (statement.negation === 'none') context.notImplemented(`option ${name}`);
    return;
  }
  const removed = own(REMOVED, name);
  if (removed !== undefined) return context.alertTight(removed);
  const negatable = own(NEGATABLE, name);
  const both = negatable !== undefined && (name === 'redispatch' || statement.negation !== 'default');
  if (both) return negatable(statement, proxy, context);
  if (statement.negation !== 'none') {
    return context.alertTight(`negation/default is not supported for option '${name}'.`);
  }
  const plain = own(PLAIN, name);
  if (plain !== undefined) plain(statement, proxy, context);
  else if (OPTIONS_UNLISTED.includes(name) || (OPTIONS_COMMON.includes(name) && name !== 'original-to')) {
    context.notImplemented(`option ${name}`);
  } else unknownOption(name, context);
}

function own<Value>(table: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function unknownOption(name: string, context: ParseContext): void {
  const hint = bestMatch(name, [...OPTIONS_REGISTERED, ...OPTIONS_COMMON]);
  context.alert(`unknown option '${name}'${hint === '' ? '.' : `; did you mean '${hint}' maybe ?`}`);
}

function setSwitch(row: SwitchOption, statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  if (context.tooManyWords(statement, 0, 1)) return;
  if (context.warnSide(proxy, row.side, row.name)) return;
  proxy.options.delete(row.name);
  proxy.noOptions.delete(row.name);
  if (statement.negation === 'none') proxy.options.add(row.name);
  else if (statement.negation === 'no') proxy.noOptions.add(row.name);
}

function connectionMode(
  mode: 'KAL' | 'SCL' | 'CLO',
  statement: Statement,
  proxy: ProxyDraft,
  context: ParseContext,
): void {
  if (context.tooManyWords(statement, 0, 1)) return;
  if (statement.negation === 'none') proxy.connectionMode = mode;
  else if (proxy.connectionMode === mode) proxy.connectionMode = '';
}

function readRedispatch(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  if (context.warnSide(proxy, 'back', 'redispatch')) return;
  proxy.options.delete('redispatch');
  if (statement.negation === 'no') proxy.redispatchAfter = 0;
  if (statement.negation !== 'none') return;
  proxy.redispatchAfter = statement.at(2) === '' ? -1 : cInteger(statement.at(2));
  if (proxy.redispatchAfter !== 0) proxy.options.add('redispatch');
}

function readTcpKeepAlive(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  if (context.tooManyWords(statement, 0, 1)) return;
  if (proxy.front) proxy.options.add('clitcpka');
  if (proxy.back) proxy.options.add('srvtcpka');
}

function readLogFormat(
  option: 'httplog' | 'tcplog',
  statement: Statement,
  proxy: ProxyDraft,
  context: ParseContext,
): void {
  const argument = statement.at(2);
  if (argument !== '' && argument !== 'clf') return context.alert(`keyword '${option}' only supports option 'clf'.`);
  if (argument !== '' && context.tooManyWords(statement, 1, 1)) return;
  const kind = argument === '' ? option : (`${option} clf` as const);
  warnOverride(`option ${kind}`, proxy, context);
  proxy.logFormat = { kind, text: '', ...context.place };
  warnBackend(`option ${option}`, proxy, context);
}

function readRestrictNames(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  if (context.tooManyWords(statement, 2)) return;
  const choice = statement.at(2);
  const expects = "option 'http-restrict-req-hdr-names' expects 'preserve', 'reject' or 'delete' option.";
  if (choice === '') context.alert(`missing parameter. ${expects}`);
  else if (choice === 'preserve' || choice === 'delete' || choice === 'reject') proxy.restrictNames = choice;
  else context.alert(`invalid parameter '${choice}'. ${expects}`);
}

/** `forwardfor` and `originalto`: except, header and (only the first) if-none. */
function readAddressHeader(
  statement: Statement,
  defaultName: string,
  allowsIfNone: boolean,
  context: ParseContext,
): ForwardFor | null {
  const result: ForwardFor = { headerName: defaultName, except: null, ifNone: false };
  const keyword = `${statement.at(0)} ${statement.at(1)}`;
  for (let at = 2; statement.at(at) !== ''; ) {
    const word = statement.at(at);
    const value = statement.at(at + 1);
    if (word === 'except') {
      result.except = parseNetwork(value, context);
      if (result.except === null) {
        context.alert(`'${keyword} except' expects <address>[/mask] as argument.`);
        return null;
      }
      at += 2;
    } else if (word === 'header') {
      if (value === '') {
        context.alert(`'${keyword} header' expects <header_name> as argument.`);
        return null;
      }
      result.headerName = value.toLowerCase();
      at += 2;
    } else if (word === 'if-none' && allowsIfNone) {
      result.ifNone = true;
      at++;
    } else {
      const choices = allowsIfNone ? `'except', 'header' and 'if-none'` : `'except' and 'header'`;
      context.alert(`'${keyword}' only supports optional values: ${choices}.`);
      return null;
    }
  }
  return result;
}

const IPV4_BITS = 32;
const IPV6_BITS = 128;

/** `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `2001:db8::/32`, or an IPv4 host name. null: none of them. */
function parseNetwork(text: string, context: ParseContext): NetMask | null {
  const slash = text.lastIndexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const mask = slash < 0 ? null : text.slice(slash + 1);
  if (isIPv6(address) && !address.includes('%')) {
    const prefix = mask === null ? IPV6_BITS : prefixLength(mask, IPV6_BITS);
    return prefix === null ? null : { family: 'inet6', address, prefix };
  }
  const prefix = mask === null ? IPV4_BITS : prefixLength(mask, IPV4_BITS);
  if (prefix === null) return null;
  if (isIPv4(address)) return { family: 'inet', address, prefix };
  const resolved = context.resolver.lookup(address, 'inet');
  return resolved === null ? null : { family: 'inet', address: resolved.host, prefix };
}

function prefixLength(text: string, bits: number): number | null {
  if (bits === IPV4_BITS && isIPv4(text)) {
    const mask = text.split('.').map((byte) => Number(byte).toString(2).padStart(8, '0'));
    const match = /^(1*)0*$/.exec(mask.join(''));
    return match === null ? null : match[1]!.length;
  }
  return /^[0-9]+$/.test(text) && Number(text) <= bits ? Number(text) : null;
}
