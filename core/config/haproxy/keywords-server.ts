// `server` and `default-server` lines and their options (manual §5.2).
//
// HAProxy reports these lines with their own place, `[file:line] : 'server be/srv' : …`, and only the first message
// of a line has it. ServerLine keeps that form.

import type { Address, HashKey, Source } from '../../model/proxy.ts';
import { type AddressRules, type ParsedAddress, parseAddress, parseIp } from './addresses.ts';
import { notImplementedText, type ParseContext, type Statement } from './context.ts';
import {
  copyServerSettings,
  defaultServerSettings,
  type InitAddrMethod,
  type ProxyDraft,
  type ServerDraft,
  type ServerSettings,
} from './drafts.ts';
import { bestMatch } from './hints.ts';
import { tableOf, timeProblem, warnTrailing } from './keyword-table.ts';
import { toAddress } from './keywords-bind.ts';
import { SERVER_HINTS, SERVER_WORDS } from './known-keywords.ts';
import { invalidNameChar } from './text.ts';
import { cInteger, parseTime } from './units.ts';

/** Where the messages of one server line come from. */
export class ServerLine {
  readonly context: ParseContext;
  private readonly label: string; // `'server be/srv' : ` or ''
  private introduced = false;

  constructor(context: ParseContext, label: string) {
    this.context = context;
    this.label = label;
  }

  private place(): string {
    if (this.introduced) return '';
    this.introduced = true;
    return `[${this.context.file}:${this.context.line}] : ${this.label}`;
  }

  alert(text: string): void {
    this.context.alertText(this.place() + text);
  }

  complain(text: string): void {
    const { context } = this;
    context.diagnostics.add('ALERT', context.file, context.line, this.place() + text);
  }

  notImplemented(what: string): void {
    this.alert(`in '${this.context.section}' section: ${notImplementedText(what)}`);
  }
}

/** One option being read. */
interface ServerOption {
  readonly keyword: string;
  readonly value: string;
  readonly name: string; // the server's, or "default-server"
  readonly proxy: ProxyDraft;
  readonly statement: Statement;
  readonly line: ServerLine;
  server: ServerDraft | null; // null on a default-server line
  next: number; // index of the word after this option; `source` moves it
  fail(message: string): void;
}

export interface ServerKeyword {
  readonly name: string;
  readonly argCount: 0 | 1 | -1; // -1: takes as many as it understands
  readonly defaultAllowed: boolean;
  set(option: ServerOption, settings: ServerSettings): void;
}

const SERVER_RULES: AddressRules = {
  portAllowed: true,
  portOffset: true,
  stream: true,
  datagram: true,
  deferNames: true,
};
const SOURCE_RULES: AddressRules = { resolve: true, portAllowed: true, portRange: true, stream: true };
const WEIGHT_MAX = 256;
const SERVER_ID_MAX = 4_294_967_295;

function flag(name: string, set: (settings: ServerSettings) => void): ServerKeyword {
  return { name, argCount: 0, defaultAllowed: true, set: (_option, settings) => set(settings) };
}

/** Turning off what weir does not have is no wish for it. */
function alreadyOff(name: string): ServerKeyword {
  return flag(name, () => {});
}

function integer(name: string, set: (settings: ServerSettings, value: number) => void): ServerKeyword {
  return {
    name,
    argCount: 1,
    defaultAllowed: true,
    set: (option, settings) => set(settings, cInteger(option.value)),
  };
}

function poolInteger(
  name: string,
  least: number | null,
  set: (settings: ServerSettings, value: number) => void,
): ServerKeyword {
  return {
    name,
    argCount: 1,
    defaultAllowed: true,
    set(option, settings) {
      if (option.value === '') return option.fail(`'${name}' expects <value> as argument.\n`);
      const value = cInteger(option.value);
      if (least !== null && value < least) option.fail(`'${name}' must be >= ${least}`);
      else set(settings, value);
    },
  };
}

function duration(
  name: string,
  missing: string,
  odd: (char: string) => string,
  set: (settings: ServerSettings, value: number) => void,
): ServerKeyword {
  return {
    name,
    argCount: 1,
    defaultAllowed: true,
    set(option, settings) {
      if (option.value === '') return option.fail(missing);
      const result = parseTime(option.value, 'ms');
      if (!result.ok) return option.fail(timeProblem(option.value, name, result, odd));
      warnTrailing(option.value, result, option.line.context);
      set(settings, result.value);
    },
  };
}

function setWeight(option: ServerOption, settings: ServerSettings): void {
  const weight = cInteger(option.value);
  if (weight < 0 || weight > WEIGHT_MAX) {
    option.fail(`weight of server ${option.name} is not within 0 and ${WEIGHT_MAX} (${weight}).`);
  } else settings.weight = weight;
}

function setId(option: ServerOption): void {
  if (option.value === '') return option.fail(`'id' : expects an integer argument`);
  const id = Number.parseInt(option.value, 10) || 0;
  if (id < 1 || id > SERVER_ID_MAX) return option.fail(`'id' : custom id has to be between 1 and 4294967295.`);
  const other = option.proxy.servers.find((server) => server.id === id);
  if (other !== undefined) {
    const where = `${other.file}:${other.line} ('server ${other.name}')`;
    return option.fail(`'id' : custom id ${id | 0} already used at ${where}`);
  }
  if (option.server !== null) option.server.id = id;
}

function setGuid(option: ServerOption): void {
  if (option.value === '') return option.fail(`'guid' : expects an argument`);
  const problem = claimGuid(option.line.context, option.value, `server ${option.proxy.name}/${option.name}`);
  if (problem !== '') option.fail(`'guid': ${problem}`);
  else if (option.server !== null) option.server.guid = option.value;
}

const GUID_BYTES_MAX = 127;

/** Registers a `guid`; the problem in HAProxy's words, '' when it is fine. */
export function claimGuid(context: ParseContext, guid: string, owner: string): string {
  if (guid.length > GUID_BYTES_MAX) return 'invalid length';
  const wrong = invalidNameChar(guid);
  if (wrong !== null) return `invalid character '${wrong}'`;
  const holder = context.guids.get(guid);
  if (holder !== undefined) return `duplicate entry with ${holder}`;
  context.guids.set(guid, owner);
  return '';
}

const INIT_METHOD_COUNT_MAX = 7;

function setInitAddr(option: ServerOption, settings: ServerSettings): void {
  settings.initAddr = [];
  settings.initAddrIp = null;
  for (const text of option.value.replace(/,$/, '').split(',')) {
    if (option.value === '') return;
    const ip = parseIp(text, 'unspecified');
    let method: InitAddrMethod;
    if (text === 'libc' || text === 'last' || text === 'none') method = text;
    else if (ip === null) {
      return option.fail(
        `'init-addr' : unknown init-addr method '${text}', supported methods are 'libc', 'last', 'none'.`,
      );
    } else if (settings.initAddrIp !== null) {
      return option.fail(`'init-addr' : initial address already specified, cannot add '${text}'.`);
    } else {
      settings.initAddrIp = ip;
      method = 'ip';
    }
    if (settings.initAddr.length >= INIT_METHOD_COUNT_MAX) {
      return option.fail(`'init-addr' : too many init-addr methods when trying to add '${text}'`);
    }
    settings.initAddr.push(method);
  }
}

const PROXY_V2_WORDS: readonly string[] = ['authority', 'crc32c', 'unique-id'];
const PROXY_V2_TLS_WORDS: readonly string[] = ['ssl', 'cert-cn', 'cert-key', 'cert-sig', 'ssl-cipher'];

function setProxyV2Options(option: ServerOption, settings: ServerSettings): void {
  for (const word of option.value.split(',')) {
    if (PROXY_V2_WORDS.includes(word)) {
      if (!settings.proxyV2Options.includes(word)) settings.proxyV2Options.push(word);
    } else if (PROXY_V2_TLS_WORDS.includes(word)) {
      return option.fail(notImplementedText(`proxy-v2-options ${word}`).slice(0, -1));
    } else return option.fail(`'${word}' : proxy v2 option not implemented`);
  }
}

const MUX_PROTOCOLS: readonly string[] = ['h2', 'h1', 'fcgi', 'spop', 'none'];

function setProtocol(option: ServerOption, settings: ServerSettings): void {
  const { value } = option;
  if (value === '') option.fail(`'proto' : missing value`);
  else if (value === 'h1' || value === 'none') settings.protocol = value;
  else if (MUX_PROTOCOLS.includes(value)) option.fail(notImplementedText(`proto ${value}`).slice(0, -1));
  else option.fail(`'proto' :  unknown MUX protocol '${value}'`);
}

const HASH_KEYS: readonly HashKey[] = ['id', 'id32', 'guid', 'addr', 'addr-port'];

function setHashKey(option: ServerOption, settings: ServerSettings): void {
  const hashKey = HASH_KEYS.find((each) => each === option.value);
  if (hashKey !== undefined) settings.hashKey = hashKey;
  else option.fail(`'hash-key' has to be 'id', 'id32', 'guid', 'addr', or 'addr-port'`);
}

function setWebSocket(option: ServerOption): void {
  if (option.value === 'h2') option.fail(notImplementedText('ws h2').slice(0, -1));
  else if (option.value !== 'h1' && option.value !== 'auto') option.fail(`'ws' has to be 'auto', 'h1' or 'h2'`);
}

/** `source <addr>[:port[-port]] [interface <name>]`; usesrc needs transparent proxying. */
function setSource(option: ServerOption, settings: ServerSettings): void {
  const { statement, value } = option;
  if (value === '') {
    return option.fail(
      `'source' expects <addr>[:<port>[-<port>]], and optionally 'usesrc' <addr>, ` +
        `and 'interface' <name> as argument.\n`,
    );
  }
  const result = parseAddress(value, SOURCE_RULES, option.line.context);
  if (!result.ok) return option.fail(`'source ${value}' : ${result.message}\n`);
  let at = option.next + 1;
  let interfaceName = '';
  for (;;) {
    if (statement.at(at) === 'usesrc') return option.fail(notImplementedText('source ... usesrc').slice(0, -1));
    if (statement.at(at) !== 'interface') break;
    interfaceName = statement.at(at + 1);
    if (interfaceName === '') {
      option.line.alert(`'${statement.at(0)}' : missing interface name.`);
      return option.line.alert("error encountered while processing 'interface'.");
    }
    at += 2;
  }
  settings.source = toSource(result.address, interfaceName);
  option.next = at;
}

export function toSource(parsed: ParsedAddress, interfaceName: string): Source {
  return { address: toAddress(parsed, parsed.port), portLast: parsed.portHigh, interfaceName };
}

const anyValue = (name: string, set: ServerKeyword['set'], defaultAllowed = true): ServerKeyword => ({
  name,
  argCount: 1,
  defaultAllowed,
  set,
});

export const serverKeywords: readonly ServerKeyword[] = [
  flag('backup', (settings) => {
    settings.backup = true;
  }),
  flag('no-backup', (settings) => {
    settings.backup = false;
  }),
  flag('disabled', (settings) => {
    settings.disabled = true;
  }),
  flag('enabled', (settings) => {
    settings.disabled = false;
  }),
  anyValue('guid', setGuid, false),
  anyValue('hash-key', setHashKey),
  anyValue('id', setId, false),
  anyValue('init-addr', setInitAddr),
  integer('maxconn', (settings, value) => {
    settings.maxconn = value;
  }),
  integer('minconn', (settings, value) => {
    settings.minconn = value;
  }),
  integer('maxqueue', (settings, value) => {
    settings.maxqueue = value;
  }),
  poolInteger('max-reuse', null, (settings, value) => {
    settings.maxReuse = value;
  }),
  poolInteger('pool-low-conn', null, (settings, value) => {
    settings.poolLowConn = value;
  }),
  poolInteger('pool-max-conn', -1, (settings, value) => {
    settings.poolMaxConn = value;
  }),
  duration(
    'pool-purge-delay',
    `'pool-purge-delay' expects <value> as argument.\n`,
    (char) => `unexpected character '${char}' in argument to <pool-purge-delay>.\n`,
    (settings, value) => {
      settings.poolPurgeDelayMs = value;
    },
  ),
  duration(
    'tcp-ut',
    `'tcp-ut' : missing TCP User Timeout value`,
    () => `'tcp-ut' : expects a positive delay in milliseconds`,
    (settings, value) => {
      settings.tcpUserTimeoutMs = value;
    },
  ),
  flag('send-proxy', (settings) => {
    settings.sendProxyV1 = true;
  }),
  flag('send-proxy-v2', (settings) => {
    settings.sendProxyV2 = true;
  }),
  flag('no-send-proxy', (settings) => {
    settings.sendProxyV1 = false;
  }),
  flag('no-send-proxy-v2', (settings) => {
    settings.sendProxyV2 = false;
  }),
  anyValue('proxy-v2-options', setProxyV2Options),
  anyValue('proto', setProtocol),
  anyValue('ws', setWebSocket),
  { name: 'source', argCount: -1, defaultAllowed: true, set: setSource },
  {
    name: 'usesrc',
    argCount: 0,
    defaultAllowed: true,
    set: (option) => option.fail(`'usesrc' only allowed after a 'source' statement.`),
  },
  anyValue('weight', setWeight),
  alreadyOff('stick'),
  alreadyOff('no-agent-check'),
  alreadyOff('no-check'),
  alreadyOff('no-check-reuse-pool'),
  alreadyOff('no-check-send-proxy'),
  alreadyOff('no-check-sni-auto'),
  alreadyOff('no-check-ssl'),
  alreadyOff('no-send-proxy-v2-ssl'),
  alreadyOff('no-send-proxy-v2-ssl-cn'),
  alreadyOff('no-sni-auto'),
  alreadyOff('no-ssl'),
  alreadyOff('no-tfo'),
];

const table = tableOf(serverKeywords);

/** `server …` (`isDefault` false) or `default-server …`. */
export function parseServerLine(
  statement: Statement,
  proxy: ProxyDraft,
  context: ParseContext,
  isDefault: boolean,
): void {
  const unnamed = new ServerLine(context, '');
  if (!isDefault && proxy.kind === 'defaults') {
    return unnamed.alert(`'${statement.at(0)}' not allowed in 'defaults' section.`);
  }
  if (!proxy.back) {
    return unnamed.alert(
      `parsing [${context.file}:${context.line}] : '${statement.at(0)}' not allowed because ` +
        `${proxy.typeWord} '${proxy.name}' has no backend capability.`,
    );
  }
  if (isDefault) {
    proxy.defaultServer ??= defaultServerSettings();
    readOptions(statement, 1, proxy, null, proxy.defaultServer, unnamed);
    return;
  }
  const server = newServer(statement, proxy, context, unnamed);
  if (server === null) return;
  const line = new ServerLine(context, `'server ${proxy.name}/${server.name}' : `);
  if (!readOptions(statement, 3, proxy, server, server.settings, line)) return;
  proxy.servers.push(server);
  if (server.settings.weight === 0) {
    context.suspect(
      `[${context.file}:${context.line}] : 'server ${proxy.name}/${server.name}' : configured with weight of 0 ` +
        'will never be selected by load balancing algorithms',
    );
  }
}

function newServer(
  statement: Statement,
  proxy: ProxyDraft,
  context: ParseContext,
  unnamed: ServerLine,
): ServerDraft | null {
  const name = statement.at(1);
  const text = statement.at(2);
  if (text === '') {
    unnamed.alert(`'server' expects <name> and <addr>[:<port>] as arguments.`);
    return null;
  }
  const wrong = invalidNameChar(name);
  if (wrong !== null) {
    unnamed.alert(`character '${wrong}' is not permitted in server name '${name}'.`);
    return null;
  }
  const line = new ServerLine(context, `'server ${proxy.name}/${name}' : `);
  const result = parseAddress(text, SERVER_RULES, context);
  if (!result.ok) {
    line.alert(result.message);
    return null;
  }
  const parsed = result.address;
  const foreign = foreignTransport(parsed);
  if (foreign !== '') {
    line.notImplemented(foreign);
    return null;
  }
  const mapsPorts = parsed.portLow === 0 || parsed.portHigh === 0;
  const settings = copyServerSettings(proxy.defaultServer ?? defaultServerSettings());
  return {
    ...context.place,
    name,
    id: 0,
    guid: '',
    address: serverAddress(parsed, mapsPorts ? 0 : parsed.port),
    portOffset: mapsPorts ? parsed.port : 0,
    mapsPorts,
    hostName: parsed.hostName,
    hostFamily: parsed.family === 'inet' || parsed.family === 'inet6' ? parsed.family : 'unspecified',
    resolved: parsed.hostName === '',
    settings,
  };
}

function serverAddress(parsed: ParsedAddress, port: number): Address {
  if (parsed.hostName !== '') return { family: 'inet', host: '0.0.0.0', port };
  return toAddress(parsed, port);
}

/** A server address that HAProxy can reach and weir cannot yet; '' for all others. */
function foreignTransport(parsed: ParsedAddress): string {
  if (parsed.multipath) return 'server mptcp@';
  if (parsed.family === 'sockpair') return 'server sockpair@';
  if (parsed.datagramProtocol) return parsed.datagram ? 'server udp@' : 'server quic@';
  return parsed.hostName.startsWith('_') ? 'server ... DNS SRV record' : '';
}

/** Reads options from word `from` on. False: the line is unusable. */
function readOptions(
  statement: Statement,
  from: number,
  proxy: ProxyDraft,
  server: ServerDraft | null,
  settings: ServerSettings,
  line: ServerLine,
): boolean {
  for (let at = from; statement.at(at) !== ''; ) {
    const keyword = statement.at(at);
    const row = table.get(keyword.split('(')[0]!);
    if (row === undefined) {
      refuseOption(keyword, server === null, line);
      return false;
    }
    const next = at + 1 + (row.argCount === -1 ? 0 : row.argCount);
    if (server === null && !row.defaultAllowed) {
      line.complain(`'${keyword}' option is not accepted in default-server sections`);
      at = next;
      continue;
    }
    let failed = false;
    const option: ServerOption = {
      keyword,
      value: statement.at(at + 1),
      name: server?.name ?? 'default-server',
      proxy,
      statement,
      line,
      server,
      next,
      fail(message) {
        failed = true;
        line.alert(`${message.replace(/\n$/, '')}.`);
      },
    };
    const fatalBefore = line.context.lineFatal;
    row.set(option, settings);
    if (failed || (line.context.lineFatal && !fatalBefore)) return false;
    at = option.next;
  }
  return true;
}

function refuseOption(keyword: string, isDefault: boolean, line: ServerLine): void {
  if (SERVER_WORDS.includes(keyword.split('(')[0]!)) {
    line.notImplemented(isDefault ? `default-server ... ${keyword}` : `server ... ${keyword}`);
    return;
  }
  const hint = bestMatch(keyword, [...SERVER_WORDS, ...SERVER_HINTS]);
  const addressHint = isDefault ? ' Hint: no address was expected for this server.' : '';
  if (hint === '') line.alert(`unknown keyword '${keyword}'.${addressHint}`);
  else line.alert(`unknown keyword '${keyword}'; did you mean '${hint}' maybe ?${addressHint}`);
}
