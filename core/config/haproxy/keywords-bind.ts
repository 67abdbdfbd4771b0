// `bind` lines and their options (manual §5.1), and `stats socket`, which takes the same options (§3.1).

import type { Address } from '../../model/proxy.ts';
import { groupId, userId } from './accounts.ts';
import { type AddressRules, type ParsedAddress, parseAddress } from './addresses.ts';
import type { ParseContext, Statement } from './context.ts';
import type { BindDraft, BindSettings, GlobalDraft, ListenerDraft, ProxyDraft } from './drafts.ts';
import { bestMatch } from './hints.ts';
import { tableOf, timeProblem, warnTrailing } from './keyword-table.ts';
import { BIND_PLAIN, BIND_TLS, BIND_UNLISTED } from './known-keywords.ts';
import { cInteger, parseLong, parseTime } from './units.ts';

/** One option being read: its argument and how to refuse it. */
interface BindOption {
  readonly keyword: string;
  readonly value: string;
  readonly bind: BindDraft;
  readonly proxy: ProxyDraft | null; // null for `stats socket`
  readonly context: ParseContext;
  fail(message: string): void;
}

export interface BindKeyword {
  readonly name: string;
  readonly argCount: 0 | 1;
  set(option: BindOption, settings: BindSettings): void;
}

const LISTEN_RULES: AddressRules = {
  resolve: true,
  portAllowed: true,
  portMandatory: true,
  portRange: true,
  socketFd: true,
  stream: true,
  needsProtocol: true,
};

const MSS_MAX = 65_535;
const NICE_MAX = 1_024;
const SHARD_COUNT_MAX = 1_024;

function flag(name: string, set: (settings: BindSettings) => void): BindKeyword {
  return { name, argCount: 0, set: (_option, settings) => set(settings) };
}

function valued(name: string, missing: string, set: BindKeyword['set']): BindKeyword {
  return {
    name,
    argCount: 1,
    set(option, settings) {
      if (option.value === '') option.fail(`'${name}' : ${missing}`);
      else set(option, settings);
    },
  };
}

function limit(name: 'backlog' | 'maxconn', relation: string): BindKeyword {
  return valued(name, 'missing value', (option, settings) => {
    const value = cInteger(option.value);
    if (value < 0) option.fail(`'${name}' : invalid value ${value}, must be ${relation} 0`);
    else settings[name] = value;
  });
}

function account(name: 'user' | 'group'): BindKeyword {
  const find = name === 'user' ? userId : groupId;
  return valued(name, `missing ${name} name`, (option, settings) => {
    const id = find(option.value);
    if (id === null) option.fail(`'${name}' : unknown ${name} name '${option.value}'`);
    else if (name === 'user') settings.unixUid = id;
    else settings.unixGid = id;
  });
}

function setId(option: BindOption): void {
  const { bind, proxy, value } = option;
  if (bind.listeners.length !== 1) return option.fail(`'id' can only be used with a single socket`);
  if (value === '') return option.fail(`'id' : expects an integer argument`);
  const number = parseLong(value, 10);
  if (number.rest !== '') return option.fail(`'id' : expects an integer argument, found '${value}'`);
  const id = number.value | 0;
  if (id <= 0) return option.fail(`'id' : custom id has to be > 0`);
  for (const other of proxy?.binds ?? []) {
    if (!other.listeners.some((listener) => listener.id === id)) continue;
    return option.fail(`'id' : custom id ${id} already used at ${other.file}:${other.line} ('bind ${other.text}')`);
  }
  bind.listeners[0]!.id = id;
}

function setUserTimeout(option: BindOption, settings: BindSettings): void {
  const result = parseTime(option.value, 'ms');
  if (result.ok) {
    warnTrailing(option.value, result, option.context);
    settings.tcpUserTimeoutMs = result.value;
    return;
  }
  const odd = (): string => `'tcp-ut' : expects a positive delay in milliseconds`;
  option.fail(timeProblem(option.value, 'tcp-ut', result, odd));
}

function setMss(option: BindOption, settings: BindSettings): void {
  const mss = cInteger(option.value);
  if (mss === 0 || Math.abs(mss) > MSS_MAX) {
    option.fail(`'mss' : expects an MSS with and absolute value between 1 and ${MSS_MAX}`);
  } else settings.mss = mss;
}

function setMode(option: BindOption, settings: BindSettings): void {
  const number = parseLong(option.value, 8);
  if (option.value === '' || number.rest !== '') {
    option.fail(`'mode' : missing or invalid mode '${option.value}' (octal integer expected)`);
  } else settings.unixMode = number.value;
}

function checkShards(option: BindOption): void {
  if (option.value === 'by-thread' || option.value === 'by-group') return;
  const count = cInteger(option.value);
  if (count >= 1 && count <= SHARD_COUNT_MAX) return;
  option.fail(`'shards' : invalid value ${count}, allowed range is 1..${SHARD_COUNT_MAX} or 'by-thread'`);
}

function checkNice(option: BindOption): void {
  const value = cInteger(option.value);
  if (value >= -NICE_MAX && value <= NICE_MAX) return;
  option.fail(`'nice' : invalid value ${value}, allowed range is -${NICE_MAX}..${NICE_MAX}`);
}

const MUX_PROTOCOLS: readonly string[] = ['h2', 'h1', 'fcgi', 'spop', 'none'];

function setProtocol(option: BindOption, settings: BindSettings): void {
  const { value, context } = option;
  if (value === 'h1' || value === 'none') settings.protocol = value;
  else if (MUX_PROTOCOLS.includes(value)) context.notImplemented(`bind ... proto ${value}`);
  else option.fail(`'proto' :  unknown MUX protocol '${value}'`);
}

export const bindKeywords: readonly BindKeyword[] = [
  flag('accept-proxy', (settings) => {
    settings.acceptProxy = true;
  }),
  limit('backlog', '>'),
  flag('defer-accept', (settings) => {
    settings.deferAccept = true;
  }),
  valued('gid', 'missing value', (option, settings) => {
    settings.unixGid = cInteger(option.value);
  }),
  account('group'),
  { name: 'id', argCount: 1, set: setId },
  valued('interface', 'missing interface name', (option, settings) => {
    settings.interfaceName = option.value;
  }),
  limit('maxconn', '>='),
  { name: 'mode', argCount: 1, set: setMode },
  valued('mss', 'missing MSS value', setMss),
  valued('name', 'missing name', (option, settings) => {
    settings.name = option.value;
  }),
  valued('nice', 'missing value', checkNice),
  valued('proto', 'missing value', setProtocol),
  valued('shards', 'missing value', checkShards),
  valued('tcp-ut', 'missing TCP User Timeout value', setUserTimeout),
  flag('tfo', (settings) => {
    settings.tcpFastOpen = true;
  }),
  flag('transparent', (settings) => {
    settings.transparent = true;
  }),
  valued('uid', 'missing value', (option, settings) => {
    settings.unixUid = cInteger(option.value);
  }),
  account('user'),
  flag('v4v6', (settings) => {
    settings.v4v6 = true;
  }),
  flag('v6only', (settings) => {
    settings.v6only = true;
  }),
];

const table = tableOf(bindKeywords);

function newBind(text: string, context: ParseContext): BindDraft {
  const { global } = context;
  return {
    ...context.place,
    text,
    listeners: [],
    settings: {
      name: '',
      acceptProxy: false,
      backlog: 0,
      maxconn: 0,
      interfaceName: '',
      transparent: false,
      tcpFastOpen: false,
      deferAccept: false,
      mss: 0,
      v4v6: false,
      v6only: false,
      unixMode: global.unixBindMode,
      unixUid: global.unixBindUid,
      unixGid: global.unixBindGid,
      tcpUserTimeoutMs: 0,
      protocol: '',
    },
  };
}

/** The listeners of a comma list with ranges. A string is the message for the first address that does not fit. */
function readListeners(text: string, pathPrefix: string, context: ParseContext): ListenerDraft[] | string | null {
  const listeners: ListenerDraft[] = [];
  const items = text.split(',');
  if (items.at(-1) === '') items.pop(); // a last comma is nothing, an empty item elsewhere is a mistake
  for (const each of items) {
    const result = parseAddress(each, { ...LISTEN_RULES, pathPrefix }, context);
    if (!result.ok) return result.message;
    const parsed = result.address;
    if (parsed.multipath || parsed.family === 'sockpair') {
      context.notImplemented(`bind ${parsed.multipath ? 'mptcp' : 'sockpair'}@`);
      return null;
    }
    for (let port = parsed.portLow; port <= parsed.portHigh; port++) {
      listeners.push({ address: toAddress(parsed, port), id: 0 });
    }
  }
  return listeners;
}

export function toAddress(parsed: ParsedAddress, port: number): Address {
  switch (parsed.family) {
    case 'unix':
      return { family: 'unix', path: parsed.host };
    case 'abns':
    case 'abnsz':
      return { family: 'abns', name: parsed.host, zeroTerminated: parsed.family === 'abnsz' };
    case 'fd':
      return { family: 'fd', fd: parsed.fd };
    case 'inet6':
      return { family: 'inet6', host: parsed.host, port, scope: '' };
    default:
      return { family: 'inet', host: parsed.host, port };
  }
}

/** A `bind` line of a frontend, listen or (with a warning already given) backend. */
export function parseBind(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const text = statement.at(1);
  if (text === '') {
    context.alert(`'bind' expects {<path>|[addr1]:port1[-end1]}{,[addr]:port[-end]}... as arguments.`);
    return;
  }
  const bind = newBind(text, context);
  const listeners = readListeners(text, context.global.unixBindPrefix, context);
  if (typeof listeners === 'string') context.alert(`'bind' : ${listeners}`);
  if (listeners === null || typeof listeners === 'string') return;
  bind.listeners.push(...listeners);
  proxy.binds.push(bind);
  const place = `'bind ${text}' in section '${context.section}'`;
  for (let at = 2; statement.at(at) !== ''; ) {
    const keyword = statement.at(at);
    const row = table.get(keyword);
    if (row === undefined) {
      refuseOption(keyword, statement.at(at + 1), place, context);
      return;
    }
    let failed = false;
    const fail = (message: string): void => {
      failed = true;
      context.alert(`${place} : ${message}`);
    };
    row.set({ keyword, value: statement.at(at + 1), bind, proxy, context, fail }, bind.settings);
    if (failed) return;
    at += 1 + row.argCount;
  }
}

function isKnown(keyword: string): boolean {
  return [BIND_PLAIN, BIND_TLS, BIND_UNLISTED].some((words) => words.includes(keyword));
}

function refuseOption(keyword: string, value: string, place: string, context: ParseContext): void {
  if (keyword === 'process') {
    context.alert(
      `${place} : 'process ${value}' on 'bind' lines is not supported anymore, please use 'thread' instead.`,
    );
  } else if (isKnown(keyword)) context.notImplemented(`bind ... ${keyword}`);
  else {
    const hint = bestMatch(keyword, [...BIND_TLS, ...BIND_PLAIN]);
    context.alert(`${place}: unknown keyword '${keyword}'${hint === '' ? '.' : `; did you mean '${hint}' maybe ?`}`);
  }
}

const LEVELS = ['user', 'operator', 'admin'] as const;

/** `stats socket <address> [options]` (management guide §9.3): the runtime command socket. */
export function readControlSocket(statement: Statement, global: GlobalDraft, context: ParseContext): void {
  const text = statement.at(2);
  if (text === '') {
    context.alert(`'stats socket' in global section expects an address or a path to a UNIX socket`);
    return;
  }
  if (!context.options.controlSockets) {
    context.notImplemented('stats socket');
    return;
  }
  const bind = newBind(text, context);
  const listeners = readListeners(text, '', context);
  if (typeof listeners === 'string') {
    context.alert(`parsing [${context.file}:${context.line}] : 'stats socket' : ${listeners}\n`);
  }
  if (listeners === null || typeof listeners === 'string') return;
  bind.listeners.push(...listeners);
  const level = readControlOptions(statement, bind, context);
  if (level === null) return;
  const { unixMode, unixUid, unixGid } = bind.settings;
  for (const { address } of bind.listeners) {
    global.statsSockets.push({ ...context.place, address, level, unixMode, unixUid, unixGid });
  }
}

type Level = (typeof LEVELS)[number];

function readControlOptions(statement: Statement, bind: BindDraft, context: ParseContext): Level | null {
  let level: Level = 'operator';
  for (let at = 3; statement.at(at) !== ''; ) {
    const keyword = statement.at(at);
    const value = statement.at(at + 1);
    let failure = '';
    if (keyword === 'level') {
      const found = LEVELS.find((each) => each === value);
      if (found === undefined) {
        failure = `'level' only supports 'user', 'operator', and 'admin' (got '${value}')`;
      } else level = found;
      at += 2;
    } else if (keyword === 'expose-fd') {
      if (value !== 'listeners') failure = `'expose-fd' only supports 'listeners' (got '${value}')`;
      at += 2;
    } else {
      const row = table.get(keyword);
      if (row === undefined) {
        if (isKnown(keyword)) context.notImplemented(`stats socket ... ${keyword}`);
        else {
          const hint = bestMatch(keyword, [...BIND_TLS, ...BIND_PLAIN]);
          const suggestion = hint === '' ? '' : ` Did you mean '${hint}' maybe ?`;
          context.alert(`'stats socket' : unknown keyword '${keyword}'.${suggestion}`);
        }
        return null;
      }
      const fail = (message: string): void => {
        failure = message;
      };
      row.set({ keyword, value, bind, proxy: null, context, fail }, bind.settings);
      at += 1 + row.argCount;
    }
    if (failure !== '') {
      context.alert(`'stats socket' : '${failure}'`);
      return null;
    }
  }
  return level;
}
