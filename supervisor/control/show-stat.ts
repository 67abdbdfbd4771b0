// `show stat`: counters of every frontend, listener, server and backend (management guide §9.1, §9.3 "show stat").
//
// A line is an array of values by column; null is an empty column. Columns of protocols that weir does not speak
// count zero, as in a HAProxy that speaks none of them just now.

import type { Address, Proxy, Server } from '../../core/model/proxy.ts';
import type { ThreadFigures } from '../../core/model/worker-data.ts';
import * as counters from '../../core/shared/counters.ts';
import {
  SERVER_DRAIN,
  SERVER_MAINT,
  SERVER_STOPPING,
  SERVER_UNRESOLVED,
  SERVER_UP,
  WEIGHT_SCALE,
  wordEffectiveWeight,
  wordUsable,
  wordWeight,
} from '../../core/shared/server-words.ts';
import { type Answer, type Call, type Command, dump, failure, hasLevel, leadingInteger } from './command.ts';
import type { Control } from './control.ts';
import { type FieldValue, jsonMembers, typedText } from './fields.ts';
import { EXTRA_COLUMNS_AT, type ObjectKind, STAT_COLUMNS } from './stat-columns.ts';

type Values = Partial<Record<string, FieldValue | null>>;

interface StatLine {
  kind: ObjectKind;
  proxyId: number;
  id: number;
  values: Values;
}

interface View {
  control: Control;
  figures: ThreadFigures[];
  showsAddresses: boolean;
  hidesMaint: boolean;
  hidesDown: boolean;
  nowMs: number;
  wallMs: number;
}

const TYPES: Readonly<Record<ObjectKind, number>> = { F: 0, B: 1, S: 2, L: 3 };
const OBJECT_NAMES: Readonly<Record<ObjectKind, string>> = { F: 'Frontend', B: 'Backend', S: 'Server', L: 'Listener' };

export function addressText(address: Address): string {
  switch (address.family) {
    case 'inet':
      return `${address.host}:${address.port}`;
    case 'inet6':
      return `[${address.host}]:${address.port}`;
    default:
      return 'unix';
  }
}

// What all four kinds have in common.
function commonValues(kind: ObjectKind, proxy: Proxy, name: string, id: number): Values {
  return { pxname: proxy.name, svname: name, pid: 1, iid: proxy.id, sid: id, type: TYPES[kind], mode: proxy.mode };
}

function traffic(view: View, row: number): Values {
  const table = view.control.tables.counters;
  const sum = (field: number): number => table.sum(row, field);
  return {
    stot: sum(counters.SESSIONS),
    bin: sum(counters.REQ_IN_BYTES),
    bout: sum(counters.RES_OUT_BYTES),
    reqbin: sum(counters.REQ_IN_BYTES),
    reqbout: sum(counters.REQ_OUT_BYTES) || sum(counters.REQ_IN_BYTES),
    resbin: sum(counters.RES_IN_BYTES) || sum(counters.RES_OUT_BYTES),
    resbout: sum(counters.RES_OUT_BYTES),
    dreq: sum(counters.DENIED_REQUESTS),
    dresp: sum(counters.DENIED_RESPONSES),
    dcon: sum(counters.DENIED_CONNECTIONS),
    dses: sum(counters.DENIED_SESSIONS),
    ereq: sum(counters.FAILED_REQUESTS),
    econ: sum(counters.FAILED_CONNECTS),
    eresp: sum(counters.FAILED_RESPONSES),
    eint: sum(counters.INTERNAL_ERRORS),
    wrew: sum(counters.FAILED_REWRITES),
    wretr: sum(counters.RETRIES),
    wredis: sum(counters.REDISPATCHES),
    cli_abrt: sum(counters.CLIENT_ABORTS),
    srv_abrt: sum(counters.SERVER_ABORTS),
    lbtot: sum(counters.LB_CHOSEN),
    connect: sum(counters.CONNECTS),
    reuse: sum(counters.REUSES),
    rate: table.totalRate(row, counters.SESSION_RATE, view.nowMs),
    rate_max: table.maxRate(row, counters.SESSION_RATE, view.nowMs),
  };
}

function httpTraffic(view: View, row: number, proxy: Proxy): Values {
  if (proxy.mode !== 'http') return {};
  const table = view.control.tables.counters;
  const sum = (field: number): number => table.sum(row, field);
  return {
    hrsp_1xx: sum(counters.RESPONSES_1XX),
    hrsp_2xx: sum(counters.RESPONSES_2XX),
    hrsp_3xx: sum(counters.RESPONSES_3XX),
    hrsp_4xx: sum(counters.RESPONSES_4XX),
    hrsp_5xx: sum(counters.RESPONSES_5XX),
    hrsp_other: sum(counters.RESPONSES_OTHER),
    req_tot: sum(counters.REQUESTS),
    intercepted: sum(counters.INTERCEPTED),
    cache_lookups: 0,
    cache_hits: 0,
  };
}

function timing(view: View, row: number): Values {
  const times = view.control.tables.counters.gather(row);
  return {
    qtime: Math.round(times.queueMsAverage),
    ctime: Math.round(times.connectMsAverage),
    rtime: Math.round(times.responseMsAverage),
    ttime: Math.round(times.totalMsAverage),
    qtime_max: times.fields[counters.QUEUE_MS_MAX]!,
    ctime_max: times.fields[counters.CONNECT_MS_MAX]!,
    rtime_max: times.fields[counters.RESPONSE_MS_MAX]!,
    ttime_max: times.fields[counters.TOTAL_MS_MAX]!,
    lastsess: lastSessionAge(view, times.fields[counters.LAST_SESSION_MS]!),
  };
}

function lastSessionAge(view: View, atMs: number): number {
  return atMs === 0 ? -1 : Math.floor(Math.max(0, view.nowMs - atMs) / 1000);
}

function frontendLine(view: View, proxy: Proxy): StatLine {
  const { control } = view;
  const { serverLoad, counters: table } = control.tables;
  const row = table.frontend(proxy.index);
  const loadRow = serverLoad.frontend(proxy.index);
  const connections = table.sum(row, counters.CONNECTIONS);
  const requests = table.sum(row, counters.REQUESTS);
  const isHttp = proxy.mode === 'http';
  const rate = table.totalRate(row, counters.SESSION_RATE, view.nowMs);
  const rateMax = table.maxRate(row, counters.SESSION_RATE, view.nowMs);
  return {
    kind: 'F',
    proxyId: proxy.id,
    id: 0,
    values: {
      ...commonValues('F', proxy, 'FRONTEND', 0),
      ...traffic(view, row),
      ...httpTraffic(view, row, proxy),
      scur: serverLoad.current(loadRow),
      smax: serverLoad.currentMax(loadRow),
      slim: proxy.maxconn || control.model.global.maxconn,
      status: control.state.frontState(proxy),
      rate_lim: proxy.rateLimitSessions,
      req_rate: table.totalRate(row, counters.REQUEST_RATE, view.nowMs),
      req_rate_max: table.maxRate(row, counters.REQUEST_RATE, view.nowMs),
      req_tot: requests,
      conn_rate: rate,
      conn_rate_max: rateMax,
      conn_tot: connections,
      sess_other: isHttp ? 0 : connections,
      h1sess: isHttp ? connections : 0,
      h1req: isHttp ? requests : 0,
      h1_open_connections: isHttp ? serverLoad.current(loadRow) : 0,
      h1_total_connections: isHttp ? connections : 0,
      h1_total_streams: isHttp ? requests : 0,
      h1_bytes_in: isHttp ? table.sum(row, counters.REQ_IN_BYTES) : 0,
      h1_bytes_out: isHttp ? table.sum(row, counters.RES_OUT_BYTES) : 0,
      h1_spliced_bytes_in: isHttp ? table.sum(row, counters.REQ_SPLICED_BYTES) : 0,
      h1_spliced_bytes_out: isHttp ? table.sum(row, counters.RES_SPLICED_BYTES) : 0,
    },
  };
}

export function serverStatus(view: Pick<View, 'control'>, server: Server): string {
  const word = view.control.tables.serverWords.word(server.index);
  if ((word & SERVER_UNRESOLVED) !== 0) return 'MAINT (resolution)';
  if ((word & SERVER_MAINT) !== 0) return 'MAINT';
  if ((word & SERVER_UP) === 0) return 'DOWN';
  if ((word & SERVER_STOPPING) !== 0) return 'NOLB';
  if ((word & SERVER_DRAIN) !== 0) return 'DRAIN';
  return 'no check';
}

function serverLine(view: View, proxy: Proxy, server: Server): StatLine {
  const { control } = view;
  const { serverLoad, serverWords, counters: table } = control.tables;
  const row = table.server(server.index);
  const loadRow = serverLoad.server(server.index);
  const word = serverWords.word(server.index);
  const sumOf = (pick: (each: ThreadFigures['servers'][number]) => number): number =>
    view.figures.reduce(
      (sum, { servers }) => sum + (servers[server.index] === undefined ? 0 : pick(servers[server.index]!)),
      0,
    );
  const unproven = sumOf((each) => each.unproven);
  const safe = sumOf((each) => each.safe);
  const { req_tot, ...http } = httpTraffic(view, row, proxy);
  return {
    kind: 'S',
    proxyId: proxy.id,
    id: server.id,
    values: {
      ...commonValues('S', proxy, server.name, server.id),
      ...traffic(view, row),
      ...http,
      ...timing(view, row),
      ...(proxy.mode === 'http' ? { req_tot: table.sum(row, counters.SESSIONS) } : {}),
      qcur: serverLoad.queued(loadRow),
      qmax: serverLoad.queuedMax(loadRow),
      scur: serverLoad.current(loadRow),
      smax: serverLoad.currentMax(loadRow),
      slim: server.maxconn || null,
      status: serverStatus(view, server),
      weight: Math.ceil(shownEffective(word) / WEIGHT_SCALE),
      uweight: wordWeight(word),
      act: server.backup ? 0 : 1,
      bck: server.backup ? 1 : 0,
      lastchg: control.state.serverAgeSeconds(server, view.wallMs),
      qlimit: server.maxqueue || null,
      addr: view.showsAddresses ? addressText(server.address) : null,
      srv_icur: unproven + safe,
      src_ilim: server.poolMaxConn < 0 ? null : server.poolMaxConn,
      idle_conn_cur: unproven,
      safe_conn_cur: safe,
      used_conn_cur: sumOf((each) => each.used),
      need_conn_est: sumOf((each) => each.needed),
      priv_idle_cur: sumOf((each) => each.priv),
      srid: 0,
    },
  };
}

// A server kept out of balancing by its state keeps its weight in statistics.
const shownEffective = (word: number): number => ((word & SERVER_DRAIN) !== 0 ? 0 : wordEffectiveWeight(word));

interface BackendSums {
  active: number;
  backup: number;
  weight: number; // effective, of the group in use
  userWeight: number;
  up: number;
}

function sumServers(control: Control, proxy: Proxy): BackendSums {
  const sums: BackendSums = { active: 0, backup: 0, weight: 0, userWeight: 0, up: 0 };
  const words = proxy.servers.map((server) => control.tables.serverWords.word(server.index));
  const usable = proxy.servers.map((_, position) => wordUsable(words[position]!));
  for (const [position, server] of proxy.servers.entries()) {
    const word = words[position]!;
    if ((word & (SERVER_UP | SERVER_MAINT | SERVER_UNRESOLVED)) === SERVER_UP) sums.up++;
    if (!usable[position]) continue;
    if (server.backup) sums.backup++;
    else sums.active++;
  }
  let firstBackupSeen = false;
  for (const [position, server] of proxy.servers.entries()) {
    if (!usable[position]) continue;
    if (sums.active > 0 ? server.backup : !server.backup) continue;
    if (sums.active === 0 && !proxy.allbackups) {
      if (firstBackupSeen) continue;
      firstBackupSeen = true;
    }
    sums.weight += wordEffectiveWeight(words[position]!);
    sums.userWeight += wordWeight(words[position]!);
  }
  return sums;
}

function backendLine(view: View, proxy: Proxy): StatLine {
  const { control } = view;
  const { serverLoad, counters: table } = control.tables;
  const row = table.backend(proxy.index);
  const loadRow = serverLoad.backend(proxy.index);
  const sums = sumServers(control, proxy);
  const isUp = sums.weight > 0 || proxy.servers.length === 0;
  const queued = proxy.servers.reduce((sum, { index }) => sum + serverLoad.queued(index), serverLoad.queued(loadRow));
  const { req_tot, intercepted, ...http } = httpTraffic(view, row, proxy);
  const { ereq, dcon, dses, ...own } = traffic(view, row);
  const count = view.hidesDown || view.hidesMaint ? ` (${sums.up}/${proxy.servers.length})` : '';
  const sessions = table.sum(row, counters.SESSIONS);
  const connects = proxy.servers.reduce((sum, { index }) => sum + table.sum(table.server(index), counters.CONNECTS), 0);
  const reuses = proxy.servers.reduce((sum, { index }) => sum + table.sum(table.server(index), counters.REUSES), 0);
  const open = proxy.servers.reduce((sum, { index }) => sum + serverLoad.current(index), 0);
  const isHttp = proxy.mode === 'http';
  return {
    kind: 'B',
    proxyId: proxy.id,
    id: 0,
    values: {
      ...commonValues('B', proxy, 'BACKEND', 0),
      ...own,
      ...http,
      ...timing(view, row),
      ...(isHttp ? { req_tot: sessions } : {}),
      qcur: queued,
      qmax: serverLoad.queuedMax(loadRow),
      scur: serverLoad.current(loadRow),
      smax: serverLoad.currentMax(loadRow),
      slim: control.state.fullconn(proxy),
      status: `${isUp ? 'UP' : 'DOWN'}${count}`,
      weight: Math.ceil(sums.weight / WEIGHT_SCALE),
      uweight: sums.userWeight,
      act: sums.active,
      bck: sums.backup,
      chkdown: 0,
      lastchg: control.state.backendAgeSeconds(proxy, view.wallMs),
      downtime: proxy.servers.length === 0 ? null : control.state.downSeconds(proxy, view.wallMs),
      algo: view.showsAddresses ? algorithmName(proxy) : null,
      connect: connects,
      reuse: reuses,
      agg_server_status: 0,
      agg_server_check_status: 0,
      agg_check_status: 0,
      h1_open_connections: isHttp ? open : 0,
      h1_open_streams: isHttp ? open : 0,
      h1_total_connections: isHttp ? connects : 0,
      h1_total_streams: isHttp ? sessions : 0,
      h1_bytes_in: isHttp ? table.sum(row, counters.RES_OUT_BYTES) : 0,
      h1_bytes_out: isHttp ? table.sum(row, counters.REQ_IN_BYTES) : 0,
      h1_spliced_bytes_in: isHttp ? table.sum(row, counters.RES_SPLICED_BYTES) : 0,
      h1_spliced_bytes_out: isHttp ? table.sum(row, counters.REQ_SPLICED_BYTES) : 0,
    },
  };
}

// HAProxy names these only; it calls the others unknown.
const KNOWN_ALGORITHMS = [
  ...[
    'roundrobin',
    'static-rr',
    'leastconn',
    'first',
    'source',
    'uri',
    'url_param',
    'hdr',
    'rdp-cookie',
    'hash',
    'random',
  ],
];

function algorithmName(proxy: Proxy): string {
  return KNOWN_ALGORITHMS.includes(proxy.balance.name) && !isImplicitBalance(proxy) ? proxy.balance.name : 'unknown';
}

// `balance` not given is HAProxy's random with one draw, which its statistics have no name for.
const isImplicitBalance = ({ balance }: Proxy): boolean => balance.name === 'random';

function lines(view: View, only: Selection | null): StatLine[] {
  const found: StatLine[] = [];
  const wants = (kind: ObjectKind, id: number): boolean => {
    if (only === null) return true;
    const bit = 1 << TYPES[kind];
    return (only.types & bit) !== 0 && (only.id === -1 || kind === 'F' || kind === 'B' || only.id === id);
  };
  for (const proxy of view.control.model.proxies) {
    if (only !== null && only.proxyId !== -1 && only.proxyId !== proxy.id) continue;
    if (proxy.kind !== 'backend' && wants('F', 0)) found.push(frontendLine(view, proxy));
    if (proxy.kind === 'frontend') continue;
    for (const server of proxy.servers) {
      if (!wants('S', server.id) || isHidden(view, server)) continue;
      found.push(serverLine(view, proxy, server));
    }
    if (wants('B', 0)) found.push(backendLine(view, proxy));
  }
  return found;
}

function isHidden(view: View, server: Server): boolean {
  const word = view.control.tables.serverWords.word(server.index);
  const inMaint = (word & (SERVER_MAINT | SERVER_UNRESOLVED)) !== 0;
  if (view.hidesMaint && inMaint) return true;
  return view.hidesDown && (inMaint || (word & SERVER_UP) === 0);
}

/** Values that stand in a line although the object's row of the table does not say so. */
function valueAt(line: StatLine, position: number): FieldValue | null {
  const column = STAT_COLUMNS[position]!;
  if (!column.kinds.includes(line.kind)) return null;
  const value = line.values[column.name];
  if (value !== undefined) return value;
  if (column.name.startsWith('h') && position < EXTRA_COLUMNS_AT && !/^h[123](sess|req)$/.test(column.name))
    return null;
  const tags = column.tags[line.kind]!;
  return tags[1] === 'C' && tags.startsWith('M') && !NEVER_ZERO.has(column.name)
    ? 0
    : defaultOf(column.name, tags, position);
}

// Counters of checks, and of HTTP for those who speak TCP, are empty rather than zero.
const NEVER_ZERO = new Set([
  'chkfail',
  'hanafail',
  'downtime',
  'req_tot',
  'intercepted',
  'cache_lookups',
  'cache_hits',
]);

function defaultOf(_name: string, tags: string, position: number): FieldValue | null {
  return position >= EXTRA_COLUMNS_AT && tags.startsWith('MG') ? 0 : null;
}

function csvText(found: readonly StatLine[]): string {
  const names = STAT_COLUMNS.map(({ name }) => name);
  names.splice(EXTRA_COLUMNS_AT, 0, '-');
  let text = `# ${names.join(',')},\n`;
  for (const line of found) {
    for (let position = 0; position < STAT_COLUMNS.length; position++) {
      if (position === EXTRA_COLUMNS_AT) text += '-,';
      const value = valueAt(line, position);
      text += value === null ? ',' : `${csvValue(value)},`;
    }
    text += '\n';
  }
  return text;
}

const csvValue = (value: FieldValue): string =>
  typeof value === 'string' && /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : String(value);

function typedLines(found: readonly StatLine[], describes: boolean): string {
  let text = '';
  for (const line of found) {
    for (const [position, { name, tags, meaning }] of STAT_COLUMNS.entries()) {
      const value = valueAt(line, position);
      if (value === null) continue;
      const field = `${line.kind}.${line.proxyId}.${line.id}.${position}.${name}.1`;
      text += `${field}:${typedText(tags[line.kind]!, value)}${describes ? `:"${meaning}"` : ''}\n`;
    }
  }
  return text;
}

function jsonText(found: readonly StatLine[]): string {
  const objects = found.map((line) => {
    const items: string[] = [];
    for (const [position, { name, tags }] of STAT_COLUMNS.entries()) {
      const value = valueAt(line, position);
      if (value === null) continue;
      const object = `"objType":"${OBJECT_NAMES[line.kind]}","proxyId":${line.proxyId},"id":${line.id},`;
      items.push(`{${object}${jsonMembers(position, name, tags[line.kind]!, value)}}`);
    }
    return `[${items.join(',')}]`;
  });
  return `[${objects.join(',')}]\n`;
}

interface Selection {
  proxyId: number; // -1 all
  types: number; // a bit a type; -1 all
  id: number; // -1 all
}

/** The lines a `stats` page or a metrics scrape would show, too. */
export async function statLines(control: Control, showsAddresses: boolean): Promise<StatLine[]> {
  return lines(await viewOf(control, showsAddresses, []), null);
}

async function viewOf(control: Control, showsAddresses: boolean, options: readonly string[]): Promise<View> {
  const answers = await control.threads.ask({ kind: 'figures' });
  return {
    control,
    figures: answers.filter((answer) => answer.kind === 'figures'),
    showsAddresses,
    hidesMaint: options.includes('no-maint'),
    hidesDown: options.includes('up'),
    nowMs: control.nowMs(),
    wallMs: Date.now(),
  };
}

async function showStat(call: Call): Promise<Answer> {
  const { control } = call;
  let words = call.words.slice(2);
  if (words[0] === 'domain') {
    if (words[1] !== 'proxy') return failure('Invalid statistics domain.\n');
    words = words.slice(2);
  }
  let only: Selection | null = null;
  if (words.length >= 3) {
    const [name, types, id] = words as [string, string, string];
    const proxyId = control.model.proxies.find((proxy) => proxy.name === name)?.id ?? leadingInteger(name);
    if (proxyId === 0) return failure('No such proxy.\n');
    only = { proxyId, types: leadingInteger(types), id: leadingInteger(id) };
    words = words.slice(3);
  }
  const form = words.findLast((word) => word === 'typed' || word === 'json') ?? 'csv';
  const view = await viewOf(control, hasLevel(call.session.socketLevel, 'operator'), words);
  const found = lines(view, only);
  if (form === 'json') return dump(jsonText(found));
  return dump(form === 'typed' ? typedLines(found, words.includes('desc')) : csvText(found));
}

export const statCommands: readonly Command[] = [
  {
    words: ['show', 'stat'],
    usage: 'show stat [desc|json|no-maint|typed|up]*: report counters for each proxy and server',
    level: 'user',
    run: showStat,
  },
];
